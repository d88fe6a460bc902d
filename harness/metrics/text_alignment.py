"""How well a video fits its caption: by contrastive networks of the worlds; for natural video ViCLIP, or class names.

Formula: ``cos(v, t)``, with ``v`` and ``t`` the unit vectors that a network gives the video and the caption
(Radford et al., arXiv 2103.00020: the loss; the networks are this project's own, one for each world). A ``-judge`` is
the same of a network with other layers, another seed and other training clips: what one of them was used to choose,
the other can judge. ``conse`` is the mean of two cosines: of what EfficientNet-Lite0 and X3D-XS recognise, in words,
with the caption (Norouzi et al., arXiv 1312.5650); a proxy, and no CLIP score. ``viclip`` is the reference: ViCLIP
ViT-L/14 of InternVid-10M-FLT, whose cosine VBench's overall consistency is.

Shapes: video uint8 ``[frames ≥ 1, height, width, 3]``, sides divisible by the network's tile; for ``conse`` four frames
or more, sides of at least 32 pixels; for ``viclip`` sides of at least 16.
Range: [-1, 1]; its zero means nothing, and the networks' scales differ: only differences of one network are compared.
Unit: cosine.
Direction: higher is better.
Minimum n: 6 blocks for a verdict.
Preprocessing: RGB to [-1, 1]; frames are not resized but for ``conse``'s classifiers and for ``viclip``: the middle
frames of eight stretches of the clip, shorter side to 224 (bicubic, no antialiasing), the middle square, CLIP's
normalisation; captions in CLIP's byte pairs, cut off after 30. In float32 on the CPU, whatever the run's device.
Errors: an empty caption or words that the network does not know (:class:`harness.errors.UsageError`), frames that it
cannot take (the same); weights that are not on this machine (:class:`harness.assets.locate.AbsentError`). None without
a caption.
Reference: Radford et al., CLIP (arXiv 2103.00020); Norouzi et al., ConSE (arXiv 1312.5650); Wang et al., InternVid and
ViCLIP (arXiv 2307.06942); Huang et al., VBench, CVPR 2024 (arXiv 2311.17982), ``overall_consistency.py``.

Example:
    The networks live in other rooms; any registered text scorer does.

    >>> import numpy as np
    >>> class Redness:
    ...     example, least_side = "red", 1
    ...     def similarities(self, videos, captions):
    ...         return np.array([[video[..., 0].mean() / 255 for _ in captions] for video in videos])
    >>> alignment(np.full((2, 8, 8, 3), 51, np.uint8), "red", Redness())
    0.2
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from harness.protocols import TextScorer
from harness.registry import REGISTRY, register
from harness.types import Made, Metric

NETWORKS = {
    "video-text-crafter": ("the video-text network of Crafter", ("crafter-9x9",)),
    "video-text-crafter-judge": ("the held-out judge of Crafter", ("crafter-9x9",)),
    "video-text-vizdoom": ("the video-text network of ViZDoom", ("vizdoom-6x8",)),
    "video-text-vizdoom-judge": ("the held-out judge of ViZDoom", ("vizdoom-6x8",)),
}
"""Text scorer → what it is, and the worlds whose clips and captions it was made for."""


@cache
def scorer(name: str) -> TextScorer:
    """The registered text scorer, on the CPU, built once per process."""
    built: TextScorer = REGISTRY.get("text-scorer", name)("cpu")
    return built


def alignment(video: NDArray[np.uint8], caption: str, network: TextScorer) -> float:
    """Return the cosine of a video uint8 ``[frames, height, width, 3]`` and its caption.

    Raises:
        DiptychError: A caption or frames that the network does not take.
    """
    return float(network.similarities([video], [caption])[0, 0])


def by_scorer(name: str) -> Callable[[Made], float | None]:
    """Return a function from what was made to :func:`alignment` by the registered text scorer."""

    def compute(made: Made) -> float | None:
        return None if made.caption is None else alignment(made.video, made.caption, scorer(name))

    return compute


for _name, (_summary, _worlds) in NETWORKS.items():
    register("metric", f"text_alignment[{_name}]")(
        Metric(
            name=f"text_alignment[{_name}]",
            summary=f"cosine of video and caption in {_summary}",
            unit="cosine",
            direction="higher",
            scale="difference",
            compute=by_scorer(_name),
            quality=True,
            packages=("torch",),
            assets=(f"{_name.replace('-', '_')}.safetensors",),
            worlds=_worlds,
            needs=("caption",),
        )
    )

register("metric", "text_alignment[conse]")(
    Metric(
        name="text_alignment[conse]",
        summary="cosine of video and caption by the names of the classes that are seen: natural video, any words",
        unit="cosine",
        direction="higher",
        scale="difference",
        compute=by_scorer("conse"),
        quality=True,
        packages=("tokenizers", "torch", "torchvision", "transformers"),
        assets=(
            "efficientnet-lite0-imagenet",
            "minilm-l6-v2",
            "minilm-l6-v2-config",
            "minilm-l6-v2-tokenizer",
            "x3d-xs-k400-int8dq",
        ),
        needs=("caption",),
    )
)

register("metric", "text_alignment[viclip]")(
    Metric(
        name="text_alignment[viclip]",
        summary="cosine of video and caption in ViCLIP ViT-L/14, as VBench's overall consistency: any video, any words",
        unit="cosine",
        direction="higher",
        scale="difference",
        compute=by_scorer("viclip"),
        quality=True,
        packages=("tokenizers", "torch"),
        assets=("clip-bpe-vocabulary", "viclip-internvid-10m-flt"),
        needs=("caption",),
    )
)
