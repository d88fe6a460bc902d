"""Words, tables, strips, figures and clips, each by itself."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analyse import analyse
from harness.errors import DiptychError
from harness.stats.expected import Expected
from harness.store.run_store import RunStore
from harness.types import Estimate
from reports.clips import encode_clip, upscaled
from reports.figures import (
    ArmStyle,
    Reach,
    SpeedPoint,
    TradePoint,
    ratio_ticks,
    speed_up_figure,
    trade_figure,
    trade_limits,
)
from reports.finding_tables import expected_table, metric_table, overview_table
from reports.reading import arm_styles, read_run, speed_up
from reports.strips import WIDTH, strips
from reports.tables import Cell, Column, Table
from reports.wording import (
    aligned,
    count,
    display_unit,
    estimate_text,
    metric_title,
    number,
    significant,
    spans,
    typeset,
)

finite = st.floats(-1e6, 1e6, allow_nan=False)


def ratio(value, low=None, high=None, **more) -> Estimate:
    return Estimate(value=value, low=low, high=high, unit="ratio", **more)


# ---- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (ratio(4.1234, 3.98, 4.27), "×4.12 [3.98, 4.27]"),
        (ratio(1.0021, 0.9987, 1.0055), "×1.0021 [0.9987, 1.0055]"),
        (ratio(4.0, 4.0, 4.0), "×4 [exact]"),
        (ratio(2.5), "×2.500"),
        (ratio(None, reason="no complete pair"), "–"),
        (Estimate(value=-0.121, low=-0.31, high=0.06, unit="dB"), "−0.12 [−0.31, +0.06]"),
        (Estimate(value=0.0, low=0.0, high=0.0, unit="dB"), "0 [exact]"),
        (Estimate(value=-0.0004, low=-0.02, high=0.03, unit="dB"), "0.000 [−0.020, +0.030]"),
    ],
)
def test_estimates_are_written(estimate, text):
    assert estimate_text(estimate) == text


@given(finite, st.floats(1e-6, 1e3))
def test_a_written_interval_contains_the_written_value(value, width):
    text = estimate_text(Estimate(value=value, low=value - width, high=value + width, unit="dB"))
    numbers = [float(n.replace("−", "-").replace("\u202f", "")) for n in re.findall(r"[+−]?[\d.\u202f]+", text)]
    assert numbers[1] <= numbers[0] <= numbers[2]
    assert numbers[1] < numbers[2]  # two digits of the width survive
    assert numbers[0] == pytest.approx(value, abs=width)


@given(st.lists(st.one_of(st.none(), st.floats(0.1, 1e4)), min_size=1, max_size=6))
def test_a_column_has_equal_decimals_and_true_values(values):
    texts = aligned(values)
    decimals = {len(t.partition(".")[2]) for t, v in zip(texts, values, strict=True) if v is not None}
    assert len(decimals) <= 1
    for text, value in zip(texts, values, strict=True):
        assert text == "–" if value is None else float(text.replace("\u202f", "")) == pytest.approx(value, rel=6e-3)


def test_a_column_of_many_magnitudes_gives_up_equal_decimals():
    assert aligned([1001.0, 0.0078125, None]) == ["1\u202f001", "0.007812", "–"]


def test_units_suit_their_numbers():
    assert display_unit("s", [0.004, None]).label == "ms"
    assert display_unit("s", [2.0, 0.004]).label == "s"
    assert display_unit("bytes", [3.1e8]) == (1e-6, "MB")
    assert display_unit("dB", [21.0]) == (1.0, "dB")


def test_whole_numbers_stay_whole_through_a_logarithm():
    values = [float(np.exp(np.log(v))) for v in (567.0, 119.0, 8.0)]
    assert aligned(values) == ["567", "119", "8"]
    assert significant(values[0]) == "567"


def test_small_words():
    assert metric_title("frame_latency_seconds") == "Frame latency"
    assert metric_title("frames_per_second") == "Frames per second"
    assert metric_title("kvd[tokenizer-crafter]") == "KVD [tokenizer-crafter]"
    assert spans([3, 1, 2, 9, 7, 2]) == "1–3, 7, 9"
    assert spans([]) == "none"
    assert (count(1, "trial"), count(2, "trial")) == ("1 trial", "2 trials")
    assert typeset("is 2.41x as fast [-0.1, 3] over diagonal-k2 on crafter-9x9") == (
        "is 2.41× as fast [−0.1, 3] over diagonal-k2 on crafter-9x9"
    )
    assert number(-0.0001, 2) == "0.00"
    assert significant(1234567.0) == "1\u202f234\u202f567"


# ---- tables ---------------------------------------------------------------------------------------------------------


def small_table() -> Table:
    columns = (Column("Arm"), Column("Rate", "frames/s", "number"), Column("Strip", kind="graphic"))
    rows = ((Cell("a|b<i>", note="odd"), Cell("−1.5"), Cell("")), (Cell("c"), Cell("12.0"), Cell("")))
    return Table("Rates", "Higher is better.", columns, rows)


def test_text_is_aligned_and_plain():
    assert small_table().to_text() == (
        "Rates\n"
        "Arm           Rate (frames/s)\n"
        "------------  ---------------\n"
        "a|b<i> (odd)             -1.5\n"
        "c                        12.0\n"
        "Higher is better.\n"
    )


def test_markdown_is_escaped():
    lines = small_table().to_markdown().splitlines()
    assert lines[2:5] == ["| Arm | Rate (frames/s) |", "| --- | ---: |", "| a\\|b&lt;i&gt; (odd) | −1.5 |"]


def test_rows_of_another_length_are_refused():
    with pytest.raises(ValueError, match="1 cells for 2 columns"):
        Table("t", "", (Column("a"), Column("b")), ((Cell("x"),),))


@pytest.fixture(scope="module")
def analysed(run_path, metrics):
    store = RunStore.open(run_path)
    return store.manifest.suite, analyse(store.manifest.suite, store.records(), metrics)


def test_a_metric_s_table_holds_every_arm_and_number(analysed, metrics):
    suite, analysis = analysed
    table = metric_table(analysis, "psnr", "crafter-9x9", metrics, suite)
    assert [row[0].text for row in table.rows] == [arm.name for arm in suite.arms]
    found = {f.arm: f for f in analysis.findings if (f.metric, f.group) == ("psnr", "crafter-9x9")}
    for row in table.rows[1:]:
        finding = found[row[0].text]
        texts = [cell.text for cell in row]
        assert estimate_text(finding.estimate) in texts
        assert any(finding.verdict in text for text in texts)
        assert str(finding.estimate.n) in texts
        assert float(texts[1]) == pytest.approx(finding.arm_value, abs=0.06)
    assert "95 %" in table.caption
    assert "±0.5 dB" in table.caption
    assert metric_table(analysis, "psnr", "mineworld-300m", metrics, suite) is None


def test_the_fraction_of_the_bound_stands_beside_a_rate_and_nowhere_else(analysed, metrics):
    suite, analysis = analysed
    rate = [f for f in analysis.findings if (f.metric, f.group) == ("frames_per_second", "crafter-9x9")]
    shares = {f.arm: 0.1 * (number + 1) for number, f in enumerate(rate)}
    bound = [
        f.model_copy(update={"metric": "bound_fraction", "arm_value": shares[f.arm], "baseline_value": 0.07})
        for f in rate
    ]
    told = analysis.model_copy(update={"findings": [*analysis.findings, *bound]})
    table = metric_table(told, "frames_per_second", "crafter-9x9", metrics, suite)
    at = [column.title for column in table.columns].index("Of the bound")
    expected = {rate[0].baseline: "7 %", **{arm: f"{100 * share:.0f} %" for arm, share in shares.items()}}
    assert {row[0].text: row[at].text for row in table.rows} == expected
    assert "measured bandwidth" in table.caption
    for metric, source in (("psnr", told), ("frames_per_second", analysis)):
        plain = metric_table(source, metric, "crafter-9x9", metrics, suite)
        assert "Of the bound" not in [column.title for column in plain.columns]


def test_without_a_threshold_nothing_is_judged(analysed, metrics):
    suite, analysis = analysed
    table = metric_table(analysis, "passes", "crafter-9x9", metrics, suite)
    verdicts = [row[-4].text for row in table.rows[1:]]
    assert verdicts == ["– no threshold"] * 4
    assert [row[1].text for row in table.rows] == ["1\u202f215", "149", "249", "449", "15"]


def test_set_metrics_show_raw_beside_corrected(analysed, metrics):
    suite, analysis = analysed
    table = metric_table(analysis, "kvd[toy]", "crafter-9x9", metrics, suite)
    assert [c.title for c in table.columns[:3]] == ["Arm", "Raw", "Corrected"]
    raw = {s.arm: s.raw for s in analysis.set_values if s.group == "crafter-9x9"}
    for row in table.rows:
        assert float(row[1].text) == pytest.approx(raw[row[0].text], rel=0.01)


def test_the_overview_has_one_row_per_finding(analysed):
    _, analysis = analysed
    table = overview_table(analysis.findings)
    assert len(table.rows) == len(analysis.findings)
    assert "no quality can be claimed" in table.to_text()


def test_expected_speed_ups_stand_beside_measured_ones():
    fast = Expected(group="g", arm="fast", passes=15, by_passes=9.0, by_bound=5.0)
    odd = Expected(group="g", arm="odd", passes=None, by_passes=2.0, by_bound=None)
    table = expected_table([(fast, ratio(4.0, 3.8, 4.2)), (odd, ratio(None))], "base")
    assert [c.text for c in table.rows[0]] == ["fast", "15", "×9.00", "×5.00", "×4.00 [3.80, 4.20]", "0.80"]
    assert [c.text for c in table.rows[1]] == ["odd", "–", "×2.00", "–", "–", "–"]


# ---- strips ---------------------------------------------------------------------------------------------------------


def test_strips_share_an_axis_and_keep_order():
    laid = strips([ratio(2.0, 1.8, 2.2), ratio(4.0, 3.0, 5.0)], [0.05, 0.05])
    assert laid[0].axis == laid[1].axis == (1 / 1.05, 5.0)
    assert 0 < laid[0].place(1.8) < laid[0].place(2.0) < laid[1].place(4.0) < WIDTH
    assert laid[0].band == (1 / 1.05, 1.05)


def test_what_is_set_aside_becomes_an_arrow_only_when_far():
    near = [Estimate(value=v, low=v - 0.1, high=v + 0.1, unit="dB") for v in (-0.5, -0.8)]
    far = Estimate(value=-9.0, low=-9.5, high=-8.5, unit="dB")
    laid = strips([*near, far], [None] * 3, [False, False, True])
    assert laid[0].axis[0] > -1
    assert "<circle" in laid[0].svg()
    assert "<path" in laid[2].svg()
    assert strips(near, [None] * 2, [False, True])[0].axis[0] == pytest.approx(-0.9)


def test_absent_numbers_have_no_strip():
    assert strips([ratio(None), ratio(float("nan"))], [None, None]) == [None, None]
    assert strips([ratio(1.0)], [None])[0] is not None


# ---- figures --------------------------------------------------------------------------------------------------------

STYLES = arm_styles(["base", "a<b>&", "$x$", "control"], "base", "control")


def texts(svg: str) -> list[str]:
    return ["".join(e.itertext()) for e in ElementTree.fromstring(svg).iter() if e.tag.endswith("text")]


def trade(quality: float = -6.0) -> str:
    points = [
        TradePoint(STYLES["a<b>&"], Reach(4.0, 3.8, 4.2), Reach(-0.1, -0.2, 0.0)),
        TradePoint(STYLES["$x$"], Reach(2.0), Reach(-0.3, -0.6, 0.1)),
        TradePoint(STYLES["control"], Reach(9.0, 8.0, 10.0), Reach(quality, quality - 0.1, quality + 0.1)),
    ]
    return trade_figure(points, STYLES["base"], 0.5, "higher", "PSNR (dB)", "trade")


def test_figures_are_the_same_bytes_again_and_take_the_page_s_colours():
    assert trade() == trade()
    assert "var(--arm-0)" in trade()
    assert not re.search(r"#0[0-7]0[0-7]\w\w\b", trade())
    assert "<?xml" not in trade()
    assert "metadata" not in trade()
    assert re.search(r"\d{4}-\d\d-\d\dT", trade()) is None


def test_figures_name_every_arm_as_it_was_typed():
    shown = texts(trade())
    assert {"base", "a<b>&", "$x$"} <= set(shown)
    assert "control (−6)" in shown  # beyond the axis, so its value is written
    assert "control" in texts(trade(quality=-0.5))


def test_figure_ids_carry_the_figure_s_name():
    ids = [e.get("id") for e in ElementTree.fromstring(trade()).iter() if e.get("id")]
    assert ids
    assert all(i.startswith("trade-") for i in ids)


def test_a_far_control_does_not_squash_the_others():
    arm = TradePoint(STYLES["$x$"], Reach(2.0), Reach(-0.3, -0.6, 0.1))
    far = TradePoint(STYLES["control"], Reach(9.0), Reach(-60.0))
    alone, beside = trade_limits([arm], 0.5), trade_limits([arm, far], 0.5)
    assert alone[0] > beside[0] > alone[0] - 0.3  # room for the arrow, and no more
    assert beside[1] == alone[1]
    assert trade_limits([far], 0.5)[0] < -60


def test_the_bound_is_drawn_where_it_is_known():
    def draw(bound):
        return speed_up_figure([SpeedPoint(STYLES["$x$"], Reach(2.0, 1.9, 2.1), 3.0, bound)], STYLES["base"], "s")

    assert draw(2.5) != draw(None)


@given(st.floats(1e-6, 1e6), st.floats(1.05, 1e6))
def test_ratio_ticks_are_few_round_and_inside(low, factor):
    high = low * factor
    ticks = ratio_ticks(low, high)
    assert 2 <= len(ticks) <= 12
    assert ticks == sorted(set(ticks))
    assert all(low * (1 - 1e-6) <= t <= high * (1 + 1e-6) for t in ticks)


def test_arms_keep_their_look():
    assert [(s.role, s.css) for s in STYLES.values()] == [
        ("baseline", "ink"), ("arm", "arm-0"), ("arm", "arm-1"), ("control", "arm-control")
    ]  # fmt: skip
    assert ArmStyle("x", "arm", 9).css == "arm-1"


# ---- reading --------------------------------------------------------------------------------------------------------


def test_a_time_s_ratio_is_turned_into_a_speed_up(analysed):
    _, analysis = analysed
    latency = next(f for f in analysis.findings if f.metric == "frame_latency_seconds" and f.arm == "diagonal-k2")
    reach = speed_up(latency)
    assert reach.value == pytest.approx(1 / latency.estimate.value)
    assert reach.low == pytest.approx(1 / latency.estimate.high)
    assert reach.low < reach.value < reach.high


def test_the_leading_arm_is_the_most_favourable_and_never_the_control(run_path, metrics):
    reading = read_run(run_path, metrics)
    assert (reading.best("crafter-9x9").arm, reading.best("mineworld-300m").arm) == ("diagonal-k2", "diagonal-k1")
    assert reading.best("nowhere") is None


# ---- clips ----------------------------------------------------------------------------------------------------------


def clip_of(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    tiles = np.random.default_rng(seed).integers(30, 220, (shape[0], 3, 3, 3), dtype=np.uint8)
    grown = tiles.repeat(-(-shape[1] // 3), axis=1).repeat(-(-shape[2] // 3), axis=2)
    return grown[:, : shape[1], : shape[2]]


@pytest.mark.parametrize("shape", [(3, 72, 72, 3), (2, 37, 51, 3), (1, 9, 300, 3), (2, 289, 301, 3)])
def test_clips_are_readable_even_and_true(shape):
    frames = clip_of(shape)
    data = encode_clip(frames)
    assert data == encode_clip(frames.copy())
    with av.open(io.BytesIO(data)) as container:
        decoded = np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])
    assert decoded.shape[0] == shape[0]
    assert decoded.shape[1] % 2 == decoded.shape[2] % 2 == 0
    assert max(decoded.shape[1:3]) >= 216
    assert np.abs(decoded.astype(int) - upscaled(frames)).mean() < 12


def test_upscaling_repeats_pixels():
    frames = clip_of((1, 72, 72, 3))
    big = upscaled(frames)
    assert big.shape == (1, 288, 288, 3)
    assert (big[:, ::4, ::4] == frames).all()
    assert (big[:, 3::4, 3::4] == frames).all()


@pytest.mark.parametrize(
    "frames", [np.zeros((0, 8, 8, 3), np.uint8), np.zeros((2, 8, 8, 3)), np.zeros((8, 8, 3), np.uint8)]
)
def test_what_is_no_video_is_refused(frames):
    with pytest.raises(DiptychError, match="uint8 frames"):
        encode_clip(frames)
