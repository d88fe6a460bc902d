"""VBench's result files, in the forms in which they are met, and what is wrong with some."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import DiptychError, UsageError
from harness.vbench.facts import model_facts
from harness.vbench.read import read_results, values_of
from harness.vbench.videos import read_videos, video_key
from tests.harness.vbench_cases import NAMES, VC2_PERCENT, fractions, official, write

ALL = official(NAMES)


def read(tmp_path, document, **options):
    return read_results([write(tmp_path / "x_eval_results.json", document)], **options)


def test_one_file_and_one_file_a_dimension_and_their_folder_say_the_same(tmp_path):
    one = write(tmp_path / "one" / "all_eval_results.json", ALL)
    many = [write(tmp_path / "many" / f"{name}_eval_results.json", {name: ALL[name]}) for name in NAMES]
    write(tmp_path / "many" / "color_full_info.json", [{"prompt_en": "a cat", "dimension": ["color"]}])
    write(tmp_path / "many" / ".hidden.json", "{")
    nested = tmp_path / "nested"
    for name in NAMES:
        write(nested / name / f"{name}_eval_results.json", {name: ALL[name]})
    whole = read_results([one])
    assert whole.label == "all"
    for paths in (many, [tmp_path / "many"], [nested]):
        found = read_results(paths)
        assert values_of(found) == values_of(whole)
        assert {name: value.videos for name, value in found.values.items()} == {
            name: value.videos for name, value in whole.values.items()
        }
        assert len(found.files) == len(NAMES)
    assert read_results([tmp_path / "many"]).label == "many"
    assert list(values_of(read_results(many[::-1]))) == list(NAMES)


def test_a_file_is_named_by_its_bytes(tmp_path):
    import hashlib

    path = write(tmp_path / "x_eval_results.json", ALL)
    (file,) = read_results([path]).files
    assert (file.sha256, file.bytes) == (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
    assert (file.name, file.unit, file.dimensions) == ("x_eval_results.json", "fraction", NAMES)


@given(st.fixed_dictionaries({name: st.floats(1.01, 100) for name in NAMES}))
def test_percents_and_fractions_are_one(tmp_path_factory, percent):
    folder = tmp_path_factory.mktemp("units")
    spoken = {name.replace("_", " "): value for name, value in percent.items()}
    signed = {name: f"{value!r}%" for name, value in percent.items()}
    plain = read(folder, fractions(percent))
    for document in (spoken, signed):
        found = read(folder, document)
        assert values_of(found) == pytest.approx(values_of(plain), abs=1e-12)
        assert found.files[0].unit == "percent"
    assert plain.files[0].unit == "fraction"


def test_a_file_that_may_be_either_is_refused_unless_its_unit_is_told(tmp_path):
    mixed = {"subject consistency": 96.85, "dynamic degree": 0.4}
    with pytest.raises(DiptychError, match="percent, or fractions"):
        read(tmp_path, mixed)
    assert values_of(read(tmp_path, mixed, unit="percent")) == pytest.approx(
        {"subject_consistency": 0.9685, "dynamic_degree": 0.004}
    )
    with pytest.raises(DiptychError, match=r"subject_consistency.* is 96\.85, outside of 0 to 1"):
        read(tmp_path, mixed, unit="fraction")
    still = {"subject consistency": 96.85, "dynamic degree": 0}
    assert values_of(read(tmp_path, still))["dynamic_degree"] == 0


def test_official_lists_are_fractions_whatever_is_told(tmp_path):
    assert values_of(read(tmp_path, {"color": [0.93, []]}, unit="percent")) == {"color": 0.93}
    with pytest.raises(DiptychError, match=r"color .* is 93, outside of 0 to 1"):
        read(tmp_path, {"color": [93.0, []]})


def test_totals_that_a_table_tells_are_held_against_the_formula(tmp_path):
    row = {**VC2_PERCENT, "Quality Score": 82.20, "semantic score": "73.42%", "Total Score": 80.44}
    found = model_facts(read(tmp_path, {"Model Name": "VideoCrafter-2.0", "Date": None, **row}))
    assert found.told == {"quality": 82.20, "semantic": 73.42, "total": 80.44}
    assert found.notes == ("not read in x_eval_results.json: Model Name, Date",)
    wrong = model_facts(read(tmp_path, {**row, "Total Score": 81.93}))
    assert wrong.notes == ("total is 80.44 by VBench's formula, and the file says 81.93",)


def test_values_outside_of_the_bounds_are_not_clipped_and_it_is_said(tmp_path):
    found = model_facts(read(tmp_path, {"motion_smoothness": 0.5}))
    assert found.dimensions["motion_smoothness"].normalised == pytest.approx(-0.7067, abs=1e-4)
    assert "outside of VBench's bounds 0.706 to 0.9975; nothing is clipped" in found.notes[0]


def test_null_is_missing_and_nan_is_refused(tmp_path):
    found = read(tmp_path, {"color": None, "scene": 0.5})
    assert list(found.values) == ["scene"]
    assert found.notes == ["color in x_eval_results.json is null: it counts as missing"]
    for document in ('{"color": NaN}', '{"motion_smoothness": [NaN, []]}'):
        with pytest.raises(DiptychError, match=r"is nan: no number\. VBench writes NaN where it found no video"):
            read(tmp_path, document)


SPOILT = {
    "not JSON": ("{oops", "is not JSON"),
    "nothing": ("", "is not JSON"),
    "no object": ("[1, 2]", "is no JSON object"),
    "nested without end": ("[" * 100_000, "is not JSON"),
    "the list of prompts": ([{"prompt_en": "a cat", "dimension": []}], "list of prompts.*_eval_results.json"),
    "no dimension": ({}, "holds no dimension of VBench"),
    "remarks alone": ({"Model": "mine"}, "holds no dimension of VBench"),
    "an empty list": ({"color": []}, "color in .* is an empty list"),
    "a list without a number": ({"color": ["x", []]}, 'begins with "x"'),
    "a truth for a number": ({"color": True}, "is true, neither a number"),
    "a text for a number": ({"color": "high"}, 'is "high", neither a number'),
    "a mapping for a number": ({"color": {"score": 0.5}}, "neither a number"),
    "another dimension": ({"colour": 0.5}, "did you mean 'color'"),
    "VBench-I2V": ({"camera_motion": [0.5, []]}, "dimension of VBench-I2V"),
    "infinity": ('{"color": Infinity}', "is inf"),
    "a number without end": ('{"color": 1' + "0" * 400 + "}", "is inf"),
    "one dimension twice": ('{"color": 0.5, "Color": 0.6}', "color is 0.5 in .* and 0.6 in"),
}


@pytest.mark.parametrize(("document", "why"), SPOILT.values(), ids=SPOILT)
def test_a_spoilt_file_is_refused_in_one_line(tmp_path, document, why):
    with pytest.raises(DiptychError, match=why) as caught:
        read(tmp_path, document)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(DiptychError, match="is not JSON"):
        read_results([path])


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"there is no file or folder .*nothing"):
        read_results([tmp_path / "nothing"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"holds no \.json file"):
        read_results([tmp_path / "empty"])
    with pytest.raises(UsageError, match="at least one"):
        read_results([])


def test_two_files_that_give_one_dimension_differently_are_refused(tmp_path):
    one = write(tmp_path / "a_eval_results.json", {"color": [0.5, []], "scene": [0.4, []]})
    other = write(tmp_path / "b_eval_results.json", {"color": [0.6, []]})
    with pytest.raises(DiptychError, match=r"color is 0\.5 in a_eval_results\.json and 0\.6 in b_eval_results\.json"):
        read_results([one, other])
    same = write(tmp_path / "c_eval_results.json", {"color": [0.5, []]})
    found = read_results([one, same])
    assert values_of(found) == {"color": 0.5, "scene": 0.4}
    assert found.notes == ["color is in a_eval_results.json and in c_eval_results.json, with one value"]


def test_the_same_aggregate_of_other_videos_is_refused(tmp_path):
    rows = [{"video_path": "a-0.mp4", "video_results": 0.5}]
    others = [{"video_path": "b-0.mp4", "video_results": 0.5}]
    one = write(tmp_path / "a.json", {"color": [0.5, rows]})
    other = write(tmp_path / "b.json", {"color": [0.5, others]})
    with pytest.raises(DiptychError, match="with other videos"):
        read_results([one, other])


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("./videos/a cat-3.mp4", ("a cat", 3)),
        ("C:\\videos\\a cat-3.mp4", ("a cat", 3)),
        ("a cat.gif", ("a cat", 0)),
        ("frames/a_cat_of_1.5_kg-12", ("a cat of 1.5 kg", 12)),
        ("a well-known cat, 8-bit-0.mp4", ("a well-known cat, 8-bit", 0)),
        ("a  cat\x1b[31m-1.mp4", ("a cat [31m", 1)),
    ],
)
def test_prompt_and_number_are_read_off_the_name(path, key):
    assert video_key(path) == key


def test_a_number_may_be_part_of_the_prompt():
    assert video_key("videos/sample-0001.mp4", numbered=False) == ("sample-0001", 0)
    rows = [{"video_path": f"sample-{n}.mp4", "video_results": 0.5} for n in range(3)]
    assert {prompt for prompt, _ in read_videos("color", 0.5, rows).values} == {"sample"}
    assert len({prompt for prompt, _ in read_videos("color", 0.5, rows, numbered=False).values}) == 3


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=6) | st.sampled_from(["50%", "x%"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["video_path", "video_results", "cur_sim", "prompt_en"]) | st.text(), inner)
    ),
    max_leaves=8,
)
KEYS = st.sampled_from([*NAMES, "Scene", "total score", "i2v_subject", "Model", "colour"])


@given(JSON | st.dictionaries(KEYS, JSON | st.floats(0, 1) | st.lists(JSON | st.floats(0, 1), min_size=2, max_size=2)))
def test_whatever_a_file_holds_is_read_or_refused_in_one_line(tmp_path_factory, document):
    refused, found = "", None
    try:
        found = model_facts(read(tmp_path_factory.mktemp("any"), json.dumps(document)))
    except DiptychError as error:
        refused = str(error)
    assert (found is None) == bool(refused)
    assert "\n" not in refused
    if found is not None:
        assert found.files[0].dimensions
        assert all(abs(d.value or 0) <= 1 + 1e-9 for d in found.dimensions.values())


def test_units_of_single_videos_are_those_of_the_tool():
    rows = [{"video_path": f"a-{n}.mp4", "video_results": value} for n, value in enumerate((72.5, 50.0))]
    assert read_videos("imaging_quality", 0.6125, rows).values == {("a", 0): 0.725, ("a", 1): 0.5}
    rows = [{"video_path": f"a-{n}.mp4", "video_results": value} for n, value in enumerate((True, False, None))]
    found = read_videos("dynamic_degree", 0.5, rows)
    assert found.values == {("a", 0): 1.0, ("a", 1): 0.0, ("a", 2): None}
    assert found.notes == ("dynamic_degree: 1 of 3 videos have null for a value",)


LISTS = {
    "none": ([], "lists no videos"),
    "nothing": (None, "lists no videos"),
    "no path": ([{"video_results": 0.5}], "no video_path"),
    "no value": ([{"video_path": "a-0.mp4"}], "no video_results"),
    "no object": ([0.5], "no video_path"),
    "a list for a value": ([{"video_path": "a-0.mp4", "video_results": [0.5]}], "has list for a value"),
    "a sum over frames": ([{"video_path": "a-0.mp4", "video_results": 10.98}], "10.98, outside of 0 to 1.*older"),
    "NaN": ([{"video_path": "a-0.mp4", "video_results": float("nan")}], "nan, outside"),
    "no number": ([{"video_path": "a-0.mp4", "video_results": 10**400}], "inf, outside"),
    "two videos of one name": (
        [{"video_path": "x/a.mp4", "video_results": 0.5}, {"video_path": "a-0.mp4", "video_results": 0.5}],
        "'a.mp4' and 'a-0.mp4' are both video 0 of one prompt",
    ),
}


@pytest.mark.parametrize(("rows", "why"), LISTS.values(), ids=LISTS)
def test_a_list_that_cannot_be_used_says_why_and_the_aggregate_counts(tmp_path, rows, why):
    import re

    found = read_videos("subject_consistency", 0.5, rows)
    assert (found.values, found.notes) == ({}, ())
    assert re.search(why, found.reason)
    whole = read(tmp_path, json.dumps({"subject_consistency": [0.5, rows]}))
    assert values_of(whole) == {"subject_consistency": 0.5}
    assert model_facts(whole).dimensions["subject_consistency"].reason == found.reason


def test_an_aggregate_that_is_not_the_mean_of_its_videos_is_said():
    rows = [{"video_path": f"a-{n}.mp4", "video_results": 0.2 + n / 100, "cur_sim": 0.1 + n / 100} for n in range(3)]
    assert read_videos("appearance_style", 0.21, rows).notes == ()
    (last,) = read_videos("appearance_style", 0.11, rows).notes
    assert "the aggregate is 0.1100, the mean of its 3 videos 0.2100; it is the mean of their last frames" in last
    (frames,) = read_videos("appearance_style", 0.215, rows).notes
    assert "by their frames" in frames
    (other,) = read_videos("color", 0.215, rows).notes
    assert "not the one that the aggregate was made of" in other
