"""Who sees whom: the one attention rule of decoding.

The engine's masks, the float64 reference decoder and the finetuning mask all come from :func:`sees`.
"""

from __future__ import annotations

from typing import Any, Literal

ProvisionalVisibility = Literal["own", "all"]
VISIBILITIES: tuple[ProvisionalVisibility, ...] = ("own", "all")


def sees(
    query_slot: Any,
    query_pass: Any,
    key_slot: Any,
    key_pass: Any,
    key_overwritten: Any,
    key_provisional: Any,
    provisional: ProvisionalVisibility = "own",
) -> Any:
    """Say which cache entries a query entry attends to.

    An entry is one write of a slot: (slot, pass it was fed at, pass it is overwritten at, provisional or not). A pass
    writes all its keys before it attends, so entries of one pass see each other.

    Args:
        query_slot: Slots of the queries.
        query_pass: Passes at which they are fed.
        key_slot: Slots of the keys.
        key_pass: Passes at which they are fed; larger than any query's for slots never written.
        key_overwritten: First pass at which the key is replaced; larger than any pass for keys that stay.
        key_provisional: True where the key came from a placeholder.
        provisional: ``"own"``: a placeholder is seen only by the query that wrote it; ``"all"``: by everybody, until
            it is overwritten.

    Returns:
        Booleans, broadcast over the arguments (NumPy arrays or torch tensors alike).
    """
    causal = key_slot <= query_slot
    alive = (key_pass <= query_pass) & (query_pass < key_overwritten)
    if provisional == "all":
        return causal & alive
    own = (key_slot == query_slot) & (key_pass == query_pass)
    return causal & alive & (~key_provisional | own)
