"""Which share of a caption holds of a video, as a simulator's labels tell: the ground, what is where, the way.

Formula: ``fields of the caption that hold / fields of the caption``. A tile classifier that learnt from the simulator's
own map reads what stands on every tile of the first frame, an inverse-dynamics network what was done between frames,
and the rule that captions real clips captions what was read (:mod:`models.state`). Where the caption says that nothing
is there, its absence is a field; where it says that something is on a side, the thing and its side are two.

Shapes: video uint8 ``[frames ≥ 2, height, width, 3]`` in tiles of 8 pixels, of which the last two rows show no map;
``crafter-9x9`` has 72 by 72.
Range: [0, 1]; another clip's caption has about 0.31 by chance (``models/zoo/state_reader_crafter.md``).
Unit: fraction.
Direction: higher is better.
Minimum n: 6 blocks for a verdict.
Preprocessing: none; float32 on the CPU, whatever the run's device.
Errors: an empty caption, words that are not Crafter's, and frames of another size have no value
(:class:`harness.errors.NoValueError`, which says why); weights that are not on this machine make the metric absent.
None without a caption.
Reference: this project's own. It never chose a preference pair and shares neither network nor training signal with
what did, which is what a held-out judge is for; the idea of judging by a detector is GenEval's (Ghosh et al., arXiv
2310.11513).

Example:
    The networks live in other rooms; any registered text scorer does.

    >>> import numpy as np
    >>> class Holds:
    ...     example, least_side = "mostly grass; going up", 1
    ...     def similarities(self, videos, captions):
    ...         return np.array([[0.5 for _ in captions] for _ in videos])
    >>> alignment(np.zeros((2, 72, 72, 3), np.uint8), "mostly grass; going up", Holds())
    0.5
"""

from __future__ import annotations

from harness.metrics.text_alignment import alignment, by_scorer
from harness.registry import register
from harness.types import Metric

__all__ = ["alignment"]

register("metric", "caption_fields[state-crafter]")(
    Metric(
        name="caption_fields[state-crafter]",
        summary="share of the caption that holds, as a tile classifier and inverse dynamics read Crafter's state",
        unit="fraction",
        direction="higher",
        scale="difference",
        compute=by_scorer("state-crafter"),
        quality=True,
        packages=("torch",),
        assets=("idm_crafter.safetensors", "state_reader_crafter.safetensors"),
        worlds=("crafter-9x9",),
        needs=("caption",),
    )
)
