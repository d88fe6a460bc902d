"""Text alignment by class names: the arithmetic by hand, short clips, empty captions, captions for every clip."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.assets.locate import AbsentError
from harness.cli.builtin import load_builtin
from harness.errors import NoValueError, UsageError
from models.scorers import conse
from suites.metrics_sanity import REAL_CLIPS
from suites.omniscore_sanity import CALIBRATION_CLIPS, TEST_CLIPS, of_files, real_captions

load_builtin()


@given(st.integers(2, 8), st.integers(0, 50))
@settings(max_examples=25)
def test_the_most_probable_classes_weigh_their_names(classes, seed):
    draw = np.random.default_rng(seed)
    probabilities, names = draw.dirichlet(np.ones(classes)), draw.normal(size=(classes, 4))
    most = max(1, classes - 1)
    mixed = sum(probabilities[i] * names[i] for i in np.argsort(-probabilities)[:most])
    found = conse.combined(torch.from_numpy(probabilities), torch.from_numpy(names), most)
    np.testing.assert_allclose(found, mixed / np.linalg.norm(mixed), atol=1e-6)


class Fixed:
    """Classes and names that are given."""

    def __init__(self, scores):
        self.scores = scores

    def __call__(self, frames):
        return self.scores.expand(len(frames), -1)

    def logits(self, videos):
        return self.scores.numpy()[None].repeat(len(videos), 0)


@pytest.fixture
def fixed(monkeypatch):
    """Three classes with axes as names; the third is seen and the first is done."""
    made = conse.Conse.__new__(conse.Conse)
    made._device = torch.device("cpu")
    made._seen, made._done = Fixed(torch.tensor([0.0, 0.0, 60.0])), Fixed(torch.tensor([60.0, 0.0, 0.0]))
    made._seen_names = made._done_names = torch.eye(3)
    texts = {"first": [1.0, 0, 0], "third": [0, 0, 1.0], "both": [0.5**0.5, 0, 0.5**0.5]}
    made._embed = lambda captions: torch.tensor([texts[caption] for caption in captions])
    monkeypatch.setattr(conse, "SEEN", 2)
    monkeypatch.setattr(conse, "DONE", 2)
    return made


def test_a_value_is_the_mean_of_what_is_seen_and_what_is_done(fixed):
    clip = np.full((4, 40, 40, 3), 7, np.uint8)
    found = fixed.similarities([clip, clip + 1], ["first", "third", "both"])
    np.testing.assert_allclose(found, 2 * [[0.5, 0.5, 0.5**0.5]], atol=1e-6)


def test_short_clips_have_none_and_empty_captions_are_a_mistake(fixed):
    clip = np.zeros((4, 40, 40, 3), np.uint8)
    with pytest.raises(NoValueError, match="at least 4 frames"):
        fixed.similarities([clip[:3]], ["first"])
    with pytest.raises(NoValueError, match="32 × 32"):
        fixed.similarities([clip[:, :20]], ["first"])
    with pytest.raises(UsageError, match="the caption is empty"):
        fixed.similarities([clip], ["first", " "])


def test_without_its_files_it_says_how_to_get_them(monkeypatch, tmp_path):
    monkeypatch.setenv("DIPTYCH_ASSETS", str(tmp_path))
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path))
    with pytest.raises(AbsentError, match="diptych assets fetch minilm-l6-v2"):
        conse.Conse("cpu")


def test_every_real_clip_has_a_caption_and_another_ones():
    captions = real_captions()
    assert set(captions) == set(REAL_CLIPS)
    assert len(set(captions.values())) == len(REAL_CLIPS)
    assert sorted((*CALIBRATION_CLIPS, *TEST_CLIPS)) == sorted(REAL_CLIPS)
    for case in of_files(REAL_CLIPS):
        assert case.params["caption"] != case.params["other_caption"]
