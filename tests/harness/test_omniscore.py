"""OmniScore's arithmetic: totals, readings, areas, admission, scales; against formulas written out and brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.conformance.metric import clip, made
from harness.errors import NoValueError, UsageError
from harness.metrics.omniscore.calibrate import Draft, admissions, admitted, candidate, contributions
from harness.metrics.omniscore.dynamic_degree import moves
from harness.metrics.omniscore.presets import Part, Preset, readings
from harness.metrics.omniscore.sensitivity import sensitivity
from harness.metrics.omniscore.total import combiner, presets
from harness.metrics.omniscore.validity import (
    Auc,
    admit,
    area,
    auc,
    fault_matrix,
    saturated_share,
    variance_shares,
)
from harness.trial import metric_frame_values, metric_values
from harness.types import Case, Metric


def part(dimension, side="quality", weight=1.0, worst=0.0, best=1.0):
    return Part(dimension=dimension, metric=f"{dimension}[x]", side=side, weight=weight, worst=worst, best=best)


PRESET = Preset(
    name="toy",
    version="1",
    summary="a toy",
    parts=(
        part("imaging_quality", worst=100.0, best=0.0),
        part("background_consistency", worst=0.5),
        part("dynamic_degree", weight=0.5),
        part("text_alignment", side="semantics", best=0.4),
    ),
    source="a test",
)
NAMES = PRESET.metrics
VALUES = st.fixed_dictionaries({name: st.floats(-1, 120) for name in NAMES})


@given(VALUES)
@settings(max_examples=60)
def test_a_total_is_the_formula_written_out(values):
    imaging, background, moving, text = (values[name] for name in NAMES)
    clip01 = [min(max(x, 0.0), 1.0) for x in ((100 - imaging) / 100, (background - 0.5) / 0.5, moving, text / 0.4)]
    quality = (clip01[0] + clip01[1] + 0.5 * clip01[2]) / 2.5
    total = PRESET.total(values)
    assert total.score == pytest.approx((4 * quality + clip01[3]) / 5)
    assert 0 <= total.score <= 1
    assert total.quality == pytest.approx(quality)
    assert total.semantics == pytest.approx(clip01[3])
    raw = {name: part.scaled(values[name]) for name, part in zip(NAMES, PRESET.parts, strict=True)}
    assert set(total.clipped) == {name for name, value in raw.items() if not 0 <= value <= 1}


@pytest.mark.parametrize("missing", [NAMES[:1], NAMES[1:3], NAMES])
def test_a_missing_part_is_no_zero(missing):
    values = {name: None if name in missing else 0.5 for name in NAMES}
    with pytest.raises(NoValueError) as told:
        PRESET.total(values)
    assert all(name in str(told.value) for name in missing)
    with pytest.raises(NoValueError):
        PRESET.total({name: value for name, value in values.items() if value is not None})


def test_without_clipping_values_go_beyond():
    free = PRESET.model_copy(update={"clip": False})
    assert free.total(dict.fromkeys(NAMES, 1.0)).scaled["text_alignment[x]"] == 2.5
    assert free.total(dict.fromkeys(NAMES, 1.0)).clipped == ()


def test_readings_are_what_the_sources_leave_open():
    found = readings(PRESET)
    assert next(iter(found.values())) is PRESET
    dimensions = {name: {p.dimension: p.weight for p in preset.parts} for name, preset in found.items()}
    assert dimensions["without background consistency"] == {
        "imaging_quality": 1.0, "dynamic_degree": 0.5, "text_alignment": 1.0,
    }  # fmt: skip
    assert dimensions["dynamic_degree weighs 1"]["dynamic_degree"] == 1.0
    assert "dynamic_degree" not in dimensions["without dynamic_degree"]
    values = dict.fromkeys(NAMES, 0.3)
    assert found["quality alone"].total(values).score == PRESET.total(values).quality
    assert found["semantics alone"].total(values).score == PRESET.total(values).semantics


def test_vbenchs_rule_of_motion():
    assert moves([2.4] * 4 + [0.0] * 11)
    assert not moves([2.4] * 3 + [9.0] * 0 + [0.0] * 12)
    assert not moves([2.3] * 15)  # 6/256 of the side is 2.34 %


# ---- areas and admission --------------------------------------------------------------------------------------------

NUMBERS = st.lists(st.integers(0, 5).map(float), min_size=1, max_size=8)


@given(NUMBERS, NUMBERS)
def test_the_area_counts_every_pair(clean, faulty):
    pairs = [(a > b) + 0.5 * (a == b) for a, b in itertools.product(clean, faulty)]
    assert area(np.array(clean), np.array(faulty)) == pytest.approx(np.mean(pairs))


def test_an_area_knows_its_direction_and_its_interval():
    clean, faulty = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [0.0, 4.5, 2.5, 1.0, 3.0, 2.0]
    up, down = auc(clean, faulty, "higher"), auc(clean, faulty, "lower")
    assert up.value == pytest.approx(1 - down.value)
    assert up.low is not None
    assert up.low < up.value < up.high
    left = [area(np.delete(clean, i), np.delete(faulty, i)) for i in range(6)]
    error = np.sqrt(5 / 6 * np.sum((np.array(left) - np.mean(left)) ** 2))
    assert up.value - up.low == pytest.approx(2.5705818 * error, rel=1e-6)
    assert auc(clean[:5], faulty[:5], "higher").low is None
    with pytest.raises(ValueError, match="no cases"):
        auc(clean, faulty[:3], "higher")


def test_a_fault_matrix_takes_cases_that_both_have():
    values = {"m": {"clean": {"a": 2.0, "b": 3.0, "c": None}, "noise": {"a": 1.0, "b": None, "c": 0.0}, "none": {}}}
    found = fault_matrix(values, "clean", {"m": "higher"})
    assert found["m"].keys() == {"noise"}
    assert (found["m"]["noise"].value, found["m"]["noise"].cases) == (1.0, 1)


def test_variance_shares_are_of_videos_of_one_prompt():
    videos = [("p", {"a": 0.0, "b": 0.0}), ("p", {"a": 2.0, "b": 1.0}), ("q", {"a": 100.0, "b": 5.0})]
    assert variance_shares(videos) == pytest.approx({"a": 0.8, "b": 0.2})
    assert variance_shares(videos[1:]) == {}


def test_the_admission_test_names_what_fails():
    good, bad = Auc(value=0.8, cases=9), Auc(value=0.79, cases=9)
    assert admit("m", {"f": good}, 0.89, 0.49).why_not == ()
    assert len(admit("m", {"f": good, "g": bad}, 0.9, 0.5).why_not) == 3
    assert admit("m", {}, None, None).why_not == ("no own fault was measured",)
    assert saturated_share([1.0, 0.5, 0.0, 0.0]) == 0.5


# ---- scales ---------------------------------------------------------------------------------------------------------


def toy_values(seed=0, cases=40):
    """Imaging (lower is better) sees noise; text sees the wrong caption; moving is blind."""
    draw = np.random.default_rng(seed)
    names = [f"case {i}" for i in range(cases)]

    def column(mean):
        return dict(zip(names, (mean + draw.normal(0, 0.1, cases)).tolist(), strict=True))

    return {
        "imaging_quality[x]": {"clean": column(1.0), "noise": column(3.0), "caption": column(1.0)},
        "motion_magnitude[x]": {"clean": column(1.0), "noise": column(1.0), "caption": column(1.0)},
        "text_alignment[x]": {"clean": column(0.9), "noise": column(0.8), "caption": column(0.2)},
    }


DIRECTIONS = {"imaging_quality[x]": "lower", "motion_magnitude[x]": "higher", "text_alignment[x]": "higher"}
OWN = {"imaging_quality": ("noise",), "motion_magnitude": ("noise",), "text_alignment": ("caption",)}
DRAFT = Draft(
    name="toy",
    summary="a toy",
    group="world",
    metrics={"quality": ("imaging_quality[x]", "motion_magnitude[x]"), "semantics": ("text_alignment[x]",)},
)


def test_scales_are_percentiles_and_what_fails_is_dropped():
    values = toy_values()
    whole = candidate(DRAFT, values, DIRECTIONS, version="1", source="a test")
    every = [v for cases in values["imaging_quality[x]"].values() for v in cases.values()]
    low, high = np.percentile(every, [1, 99])
    imaging, moving, text = whole.parts
    assert (imaging.worst, imaging.best) == pytest.approx((high, low), rel=1e-5)
    assert moving.weight == 0.5
    assert text.worst < text.best
    tests = admissions(whole, fault_matrix(values, "clean", DIRECTIONS), [], OWN)
    assert [bool(test.why_not) for test in tests] == [False, True, False]
    left = admitted(whole, tests, reward=True)
    assert left.metrics == ("imaging_quality[x]", "text_alignment[x]")
    assert "motion_magnitude" in left.dropped
    blind = [*tests[:2], admit(text.metric, {}, None, None)]
    assert admitted(whole, blind, reward=True) is None
    told = admitted(whole, blind, reward=False)
    assert told.metrics == left.metrics
    assert "may be no reward" in told.left_open[-1]


def test_contributions_add_up_to_the_total():
    values = dict.fromkeys(NAMES, 0.7)
    assert sum(contributions(PRESET, values).values()) == pytest.approx(PRESET.total(values).score)


def test_what_does_not_vary_has_no_scale():
    flat = {"imaging_quality[x]": {"clean": {"a": 1.0, "b": 1.0}}}
    one = Draft(name="n", summary="s", group="w", metrics={"quality": ("imaging_quality[x]",), "semantics": ()})
    with pytest.raises(ValueError, match="throughout"):
        candidate(one, flat, DIRECTIONS, version="1", source="a test")


# ---- sensitivity ----------------------------------------------------------------------------------------------------


def test_sensitivity_counts_prompts_whose_best_changes():
    def video(imaging, background, moving, text):
        return dict(zip(NAMES, (imaging, background, moving, text), strict=True))

    videos = [
        ("p", video(0.0, 0.5, 0.0, 0.1)),
        ("p", video(50.0, 0.9, 1.0, 0.4)),
        ("q", video(20.0, 1.0, 1.0, 0.0)),
        ("q", video(80.0, 0.5, 0.0, 0.2)),
        ("r", video(None, 0.5, 0.0, 0.2)),
    ]
    found = sensitivity(PRESET, videos)
    assert (found.videos, found.prompts, found.left_out) == (4, 2, 1)
    rows = {row.name: row for row in found.readings}
    assert (rows["as declared"].tau, rows["as declared"].other_winner) == (1.0, 0.0)
    assert rows["semantics alone"].other_winner == 0.5
    scores = [PRESET.total(values).score for _, values in videos[:4]]
    assert rows["as declared"].mean == pytest.approx(np.mean(scores))
    assert rows["as declared"].spread == pytest.approx((abs(scores[0] - scores[1]) + abs(scores[2] - scores[3])) / 2)
    with pytest.raises(UsageError, match="no video has every part"):
        sensitivity(PRESET, videos[4:])


# ---- composites in a trial ------------------------------------------------------------------------------------------

CASE = Case(name="a", group="a", model="")


def plain(name, value):
    def compute(thing):
        if isinstance(value, str):
            raise NoValueError(value)
        return value

    return Metric(
        name=name, summary=name, unit="u", direction="higher", scale="difference", compute=compute, quality=True
    )


def total(parts):
    return Metric(
        name="total", summary="t", unit="u", direction="higher", scale="difference", compute=lambda thing: None,
        quality=True, parts=parts, combine=combiner(PRESET),
    )  # fmt: skip


def test_a_composite_is_put_together_from_recorded_parts_in_any_order():
    metrics = {"total": total(NAMES)} | {name: plain(name, 0.4) for name in NAMES}
    reasons = {}
    frames = metric_frame_values(made(clip(), None), CASE, metrics, reasons)
    values = metric_values(made(clip(), None), CASE, metrics, frames, reasons)
    assert list(values) == list(metrics)
    assert values["total"] == PRESET.total(dict.fromkeys(NAMES, 0.4)).score
    assert reasons == {}


def test_a_part_without_a_value_leaves_its_reason_and_no_total():
    metrics = {name: plain(name, 0.4) for name in NAMES[1:]}
    metrics |= {NAMES[0]: plain(NAMES[0], "it is black"), "total": total(NAMES)}
    reasons = {}
    values = metric_values(made(clip(), None), CASE, metrics, {}, reasons)
    assert values["total"] is None
    assert reasons[NAMES[0]] == "it is black"
    assert NAMES[0] in reasons["total"]


def test_presets_that_ship_are_sound():
    for name, preset in presets().items():
        assert preset.name == name
        assert {p.side for p in preset.parts} == {"quality", "semantics"}
        assert all(p.worst != p.best for p in preset.parts)
        assert not {p.dimension for p in preset.parts} & set(preset.dropped)
        assert preset.left_open


def test_by_vbenchs_constants_quality_is_vbenchs_total():
    """VideoCrafter2's leaderboard values give the 82.20 that the paper prints for its quality."""
    vc2 = {
        "subject_consistency[dino-vitb16]": 0.9685,
        "background_consistency[clip-vitb32]": 0.9822,
        "temporal_flickering[frame-difference]": 0.9841,
        "motion_smoothness[amt-s]": 0.9773,
        "dynamic_degree[raft-things]": 0.425,
        "aesthetic_quality[laion-clip-vitl14]": 0.6313,
        "imaging_quality[musiq-spaq]": 67.22,
        "text_alignment[viclip]": 0.2823,
    }
    eight = presets()["vbench-v1"].total(vc2)
    assert 100 * eight.quality == pytest.approx(82.20, abs=0.005)
    assert eight.semantics == pytest.approx(0.2823 / 0.364)
    assert eight.score == pytest.approx((4 * eight.quality + eight.semantics) / 5)
    seven = presets()["vbench-v1-7"]
    assert "background_consistency[clip-vitb32]" not in seven.metrics
    assert seven.total({name: v for name, v in vc2.items() if "background" not in name}).quality < eight.quality
