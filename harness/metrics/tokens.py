"""Quality in tokens, which only the maker can compute: it knows the true tokens and the model's probabilities.

Formula: ``token_accuracy`` = generated tokens equal to the true continuation's / all generated tokens;
``model_bits_per_token`` = mean of ``-log2 p(token)`` of the generated tokens under the sequential model.

Shapes: one number each of the maker's ``values``; one value per trial.
Range: 0 to 1; 0 upwards.
Unit: none (a fraction); bits.
Direction: higher is better; lower is better.
Minimum n: 6 blocks for a verdict; analysed as differences of pairs.
Preprocessing: the tokenizer's ids; a true token is what the tokenizer makes of the true frame.
Errors: none; None where the maker tells no such value.
Reference: Shannon, A mathematical theory of communication, 1948, for the bits. An accuracy keeps every token's
marginal: it hardly sees a frame whose tokens do not fit together, the bits do.

Example:
    >>> from harness.types import Made
    >>> told = {"token_accuracy": 0.75, "model_bits_per_token": 2.5}
    >>> made = Made(None, None, None, [1.0], None, None, None, {}, told, {})
    >>> token_accuracy(made), model_bits_per_token(made)
    (0.75, 2.5)
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
