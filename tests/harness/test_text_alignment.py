"""Text alignment: the scorer's cosine of video and caption, and no value where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.cli.builtin import load_builtin
from harness.cli.checking import held
from harness.conformance.laws import Component
from harness.errors import NoValueError, UsageError
from harness.metrics import text_alignment as module
from harness.registry import Entry
from harness.types import Made, Metric

REGISTRY = load_builtin()
NAME = "text_alignment[video-text-crafter]"


class Redness:
    """A text scorer that knows one word."""

    example, least_side = "red", 4

    def similarities(self, videos, captions):
        for caption in captions:
            if caption != "red":
                raise UsageError(f"unknown words in the caption {caption!r}. Valid words: red.")
        return np.array([[video[..., 0].mean() / 255 for _ in captions] for video in videos])


def made(level: int, caption: str | None) -> Made:
    video = np.full((2, 8, 8, 3), level, np.uint8)
    return Made(video, None, None, [], None, None, None, {}, {}, {}, caption=caption)


def metric(name: str = NAME) -> Metric:
    found: Metric = REGISTRY.get("metric", name)
    return found


def test_it_is_the_scorers_cosine_and_none_without_a_caption(monkeypatch):
    asked = []
    monkeypatch.setattr(module, "scorer", lambda name: asked.append(name) or Redness())
    assert metric().compute(made(51, "red")) == pytest.approx(0.2)
    assert metric().compute(made(51, None)) is None
    assert asked == ["video-text-crafter"]
    with pytest.raises(NoValueError, match=r"unknown words in the caption 'blue'\. Valid words: red"):
        metric().compute(made(51, "blue"))


@pytest.mark.parametrize("network", module.NETWORKS)
def test_each_network_is_a_metric_of_its_world_that_names_its_file_and_needs_a_caption(network):
    found = metric(f"text_alignment[{network}]")
    assert (found.unit, found.direction, found.scale, found.quality) == ("cosine", "higher", "difference", True)
    assert found.needs == ("caption",)
    assert found.assets == (f"{network.replace('-', '_')}.safetensors",)
    assert found.assets[0] in {entry.name for entry in REGISTRY.list("asset")}
    world = "crafter-9x9" if "crafter" in network else "vizdoom-6x8"
    assert found.applies(replace(made(0, "red"), world=world))
    assert not found.applies(replace(made(0, "red"), world="elsewhere"))
    assert network in {entry.name for entry in REGISTRY.list("text-scorer")}


def broken(thing: Metric) -> dict[str, str]:
    component = Component(Entry("metric", thing.name, "s", "here", thing, __name__), thing, REGISTRY)
    return {fact.name: fact.detail for fact in held(component) if not fact.ok}


def test_the_laws_tell_a_metric_of_captions_an_example_that_its_scorer_knows(monkeypatch):
    class Own(Redness):
        def __init__(self, device: str) -> None:
            assert device == "cpu"

    # a plug-in's: registered for this test alone
    monkeypatch.setitem(
        REGISTRY.entries, ("text-scorer", "redness"), Entry("text-scorer", "redness", "s", "here", Own, __name__)
    )
    sound = Metric(
        name="text_alignment[redness]",
        summary="s",
        unit="cosine",
        direction="higher",
        scale="difference",
        compute=module.by_scorer("redness"),
        quality=True,
        needs=("caption",),
    )
    module.scorer.cache_clear()
    try:
        assert broken(sound) == {}
        deaf = replace(sound, compute=lambda made: None if made.caption is None else float("nan"))
        assert "finite on clips" in broken(deaf)
        careless = replace(sound, compute=lambda made: float(len(made.caption)))
        assert "None or a clear error elsewhere" in broken(careless)
    finally:
        module.scorer.cache_clear()
