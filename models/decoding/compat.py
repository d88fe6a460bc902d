"""What MineWorld's released decoder does differently, as far as it is a matter of what is fed and seen.

Read in ``diagonal_decoding.py`` of github.com/microsoft/mineworld at b9aebcf, for its two orders:

* a row's first token is always predicted from a stand-in, also where the true predecessor is known (``k`` = columns);
* the true token of a row's end is never fed: the stand-in's keys and values stay, and everybody sees them;
* spatially, a frame's last token is fed with the frame's actions; in the spatial + temporal order it never is;
* a query sees every slot up to its own, written or not: zero keys and values, or another clip's.

It is exempt from the laws that these break, so that what they cost can be measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from harness.errors import UsageError, unknown

if TYPE_CHECKING:
    from models.decoding.grid import Grid
    from models.decoding.schedule import PlaceholderPolicy

Compat = Literal["mineworld"]
COMPATS: tuple[Compat, ...] = ("mineworld",)
SPATIAL, SPATIAL_TEMPORAL = "diagonal", "diagonal-st"
POLICIES: tuple[PlaceholderPolicy, ...] = ("prompt", "repeat")


def check_compat(
    compat: str, schedule: str, placeholder: PlaceholderPolicy | None, k_effective: int, columns: int
) -> PlaceholderPolicy:
    """Return the stand-in policy of the released decoder.

    Args:
        compat: Asked for.
        schedule: Name of the order.
        placeholder: Policy asked for; ``"prompt"``, the released default, if None.
        k_effective: Row delay.
        columns: Of the grid.

    Raises:
        UsageError: Unknown, an order or a policy that the release has not, or one that fails there.
    """
    if compat not in COMPATS:
        raise unknown("compat", compat, COMPATS)
    if schedule not in (SPATIAL, SPATIAL_TEMPORAL):
        raise UsageError(
            f"compat {compat!r} has no order like {schedule!r}. Valid: {SPATIAL} (image_diagd) and {SPATIAL_TEMPORAL} "
            "(video_diagd)."
        )
    policy = placeholder or POLICIES[0]
    if policy not in POLICIES:
        raise UsageError(f"compat {compat!r} has no placeholder policy {policy!r}. Valid: {', '.join(POLICIES)}.")
    if policy == "repeat" and k_effective == columns:
        raise UsageError(
            f"with placeholder 'repeat' and k = columns ({columns}) the released decoder ends in an error: the row "
            "above is complete, and nothing is left to repeat. Try: placeholder 'prompt', or a smaller k."
        )
    return policy


def starts_row(token: int, grid: Grid) -> bool:
    """Tell whether a token, by its raster index, is the first of a row below the first."""
    return token % grid.columns == 0 and token % grid.frame_tokens != 0


def writes_frame_end(schedule: str) -> bool:
    """Tell whether a frame's last token is ever fed."""
    return schedule == SPATIAL
