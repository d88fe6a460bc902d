"""The optional packages that pipelines need, imported late and quietly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness import torchvision_cpu
from harness.errors import UsageError

HOW = "pip install 'diptych[alignment]'"


def diffusers() -> Any:
    """The package diffusers.

    Raises:
        UsageError: It, or transformers, is not installed.
    """
    torchvision_cpu.install()  # before transformers looks for torchvision
    try:
        import diffusers as package
        import transformers  # noqa: F401 - text encoders
    except ImportError as error:
        raise UsageError(f"a text-to-video pipeline needs diffusers and transformers ({error}): {HOW}") from error
    return package


@contextmanager
def no_progress_bars() -> Iterator[None]:
    """Silence the bars that diffusers and transformers draw while they load; as it was before afterwards."""
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    shown = [bars for bars in (of_diffusers, of_transformers) if bars.is_progress_bar_enabled()]
    for bars in shown:
        bars.disable_progress_bar()
    try:
        yield
    finally:
        for bars in shown:
            bars.enable_progress_bar()
