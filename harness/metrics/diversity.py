"""How different the videos of one prompt are, each made from another initial noise, in a feature space.

Formula: the mean over pairs of videos of one prompt of ``|x - y| / sqrt(dimensions)`` (:mod:`harness.stats.spread`),
with ``x`` and ``y`` their feature rows. Preference alignment is known to narrow what a model makes: this says how much.
Shapes: a clip, uint8 ``[frames, height, width, 3]``, becomes a row, float64 ``[dimensions]``; the repetitions of a
prompt have one value, and its pair with the baseline's of the same repetitions is a block.
Range: [0, inf); 0 where every seed gives the same video.
Unit: feature distance, of whitened components: about 1.4 for two unrelated clips.
Direction: higher is better, *at equal quality*: noise, too, makes videos differ.
Minimum n: 6 prompts with at least 2 repetitions.
Preprocessing: the extractor's; its ``context()`` is part of a run's record.
Errors: a prompt with fewer than two videos in both arms has no value; without any there is no finding but a reason.
Reference: the idea is LPIPS diversity (Zhu et al., Toward multimodal image-to-image translation, arXiv 1711.11586),
in a space that knows motion.

Example:
    >>> import numpy as np
    >>> metric = diversity_metric("tokenizer-crafter", "the Crafter tokenizer")
    >>> metric.name, metric.within(np.array([[0.0, 0.0], [1.0, 1.0]]))
    ('diversity[tokenizer-crafter]', 1.0)
"""

from __future__ import annotations

from harness.metrics.spaces import per_set
from harness.registry import register
from harness.stats.spread import mean_pairwise_distance
from harness.types import Metric


def diversity_metric(
    space: str, features: str, *, assets: tuple[str, ...] = (), worlds: tuple[str, ...] = ()
) -> Metric:
    """Declare the mean distance of one prompt's videos in a space; the arguments are those of ``frechet_metric``.

    >>> diversity_metric("tokenizer-crafter", "the Crafter tokenizer").direction
    'higher'
    """
    return Metric(
        name=f"diversity[{space}]",
        summary=f"mean distance of the videos of one prompt, by seed, in the features of {features}",
        unit="feature distance",
        direction="higher",
        scale="difference",
        compute=per_set,
        quality=True,
        feature_space=space,
        within=mean_pairwise_distance,
        assets=assets,
        worlds=worlds,
        needs=(),
    )


register("metric", "diversity[tokenizer-crafter]")(
    diversity_metric(
        "tokenizer-crafter",
        "the Crafter tokenizer",
        assets=("tokenizer_crafter.safetensors",),
        worlds=("crafter-9x9", "crafter-15x24"),
    )
)
