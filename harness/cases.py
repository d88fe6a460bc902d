"""Cases by the number of clips."""

from __future__ import annotations

from harness.types import Case, Value


def clip_cases(
    model: str,
    clips: int,
    *,
    split: str = "test",
    first: int = 0,
    group: str | None = None,
    speed_only: bool = False,
    **params: Value,
) -> tuple[Case, ...]:
    """Return one case for each of ``clips`` consecutive clips of a model's world.

    Args:
        model: Registered model.
        clips: How many, ≥ 1.
        split: ``"train"``, ``"validation"`` or ``"test"``.
        first: Index of the first clip.
        group: Stratum whose cases are analysed together; the model's name if None.
        speed_only: True for random weights: no quality can be claimed.
        params: Further parameters of every case: frames, prompt frames, sampling.
    """
    stratum = group or model
    return tuple(
        Case(
            name=f"{stratum}/{split}/{index:04d}",
            group=stratum,
            model=model,
            params={"split": split, "index": index, "of": first + clips, **params},
            speed_only=speed_only,
        )
        for index in range(first, first + clips)
    )
