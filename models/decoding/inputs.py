"""What an engine is given, checked before it reaches the device, where a wrong id ends the use of the card."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from harness.errors import DiptychError

MOST_SEEDS = 2**63


def check_ids(ids: Tensor, vocabulary: int, what: str) -> None:
    """Refuse token ids that the model has no embedding for.

    Args:
        ids: Integers of any shape.
        vocabulary: How many ids there are.
        what: Named in the message, as a plural.

    Raises:
        DiptychError: An id below 0 or from ``vocabulary`` on, or no integers.
    """
    if ids.is_floating_point() or ids.is_complex():
        raise DiptychError(f"{what} must be integers, not {ids.dtype}.")
    if bool(((ids < 0) | (ids >= vocabulary)).any()):
        raise DiptychError(
            f"{what} must be from 0 to {vocabulary - 1}, the model's vocabulary, and {int(ids.min())} to "
            f"{int(ids.max())} are given."
        )


def check_given(given: Tensor, unread: Tensor, seeds: Sequence[int], size: tuple[int, int], vocabulary: int) -> None:
    """Refuse a token buffer or seeds that do not fit.

    Args:
        given: Token ids ``[B, slots]``.
        unread: Slots whose ids are not looked at, as their tokens come later.
        seeds: One for each lane, integers in [0, 2**63).
        size: What ``given`` must be: batch and slots.
        vocabulary: How many ids there are.

    Raises:
        DiptychError: Another size, another number of seeds or seeds out of range, or ids outside the vocabulary.
    """
    if tuple(given.shape) != size:
        raise DiptychError(f"the token buffer must be {list(size)} (batch, slots), not {list(given.shape)}.")
    if len(seeds) != size[0]:
        raise DiptychError(f"{len(seeds)} seeds for {size[0]} lanes.")
    for seed in seeds:
        if isinstance(seed, float) or not 0 <= seed < MOST_SEEDS:
            raise DiptychError(f"a seed must be an integer from 0 to 2**63 - 1, not {seed}.")
    read = given.index_fill(1, unread.to(given.device), 0)
    check_ids(read, vocabulary, "token ids of the prompt and the actions")


def check_forced(forced: Tensor, size: tuple[int, int, int], vocabulary: int) -> None:
    """Refuse a forced stream of another size than ``[B, frames, rows · columns]``, or with ids outside the vocabulary.

    Raises:
        DiptychError: One of these.
    """
    if tuple(forced.shape) != size:
        raise DiptychError(
            f"the forced tokens must be {list(size)} (batch, frames, tokens of a frame), not {list(forced.shape)}."
        )
    check_ids(forced, vocabulary, "forced tokens")


def check_actions(ids: Tensor, frame: int, size: tuple[int, int], vocabulary: int) -> None:
    """Refuse actions that lead on from ``frame`` if they are not ``[B, actions]``, or outside the vocabulary.

    Raises:
        DiptychError: One of these.
    """
    if tuple(ids.shape) != size:
        raise DiptychError(
            f"the actions of frame {frame} must be {list(size)} (batch, actions), not {list(ids.shape)}."
        )
    check_ids(ids, vocabulary, f"action ids of frame {frame}")
