"""Quality in tokens, which only the maker can compute: it knows the true tokens and the model's probabilities.

``token_accuracy``: fraction of generated tokens equal to the true continuation's, in [0, 1], higher is better.
``model_bits_per_token``: mean of -log2 p(token) of the generated tokens under the sequential model, lower is better.
"""

from __future__ import annotations

from harness.registry import register
from harness.types import Made, Metric


def token_accuracy(made: Made) -> float | None:
    """Return the maker's ``token_accuracy``, or None where it has none."""
    return made.values.get("token_accuracy")


def model_bits_per_token(made: Made) -> float | None:
    """Return the maker's ``model_bits_per_token``, or None where it has none."""
    return made.values.get("model_bits_per_token")


register("metric", "token_accuracy")(
    Metric(
        name="token_accuracy",
        summary="fraction of generated tokens equal to the true continuation's",
        unit="fraction",
        direction="higher",
        scale="difference",
        compute=token_accuracy,
        quality=True,
    )
)
register("metric", "model_bits_per_token")(
    Metric(
        name="model_bits_per_token",
        summary="mean surprise of the generated tokens under the sequential model",
        unit="bits",
        direction="lower",
        scale="difference",
        compute=model_bits_per_token,
        quality=True,
    )
)
