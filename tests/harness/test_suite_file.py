"""A suite as a TOML file: what it becomes, what it takes from the one it extends, and how its mistakes are told."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from harness.cases import clip_cases
from harness.cli.builtin import load_builtin
from harness.cli.verbs import get_suite
from harness.errors import UsageError
from harness.problems import ProblemsError
from harness.suite_file import is_path, read_suite
from harness.suite_format import SuiteFile

REGISTRY = load_builtin()
EXAMPLE = Path(__file__).parents[2] / "suites" / "examples" / "two-orders.toml"
NINE = "video-transformer-crafter-9x9"

WHOLE = f"""
name = "mine"
version = 3
question = "Is it so?"
baseline = "one"
metrics = ["frames_per_second", "ssim"]
primary_speed = "frames_per_second"
primary_quality = "ssim"
margin = 1
margin_why = "so that there is one"
arms = [
  {{ name = "one", params = {{ schedule = "sequential" }} }},
  {{ name = "two", params = {{ schedule = "diagonal" }} }},
]

[[thresholds]]
metric = "frames_per_second"
tau = 0.05
why = "a test"

[scales.smoke]
repetitions = 2

[[scales.smoke.cases]]
name = "first"
group = "alone"
model = "{NINE}"
params = {{ index = 4 }}

[[scales.smoke.cases_of]]
model = "{NINE}"
split = "validation"
first = 10
clips = 2
params = {{ frames = 3 }}

[[scales.smoke.cases_of]]
model = "llama-like-101m-random"
clips = 1
"""
SHORT = f"""
name = "mine"
extends = "decoding"
{{more}}
[[scales.smoke.cases_of]]
model = "{NINE}"
clips = 2
"""
TWO_ARMS = """
negative_control = false
[[arms]]
name = "sequential"
[[arms]]
name = "mine"
params = { schedule = "diagonal", k = 3 }
"""


def read(tmp_path: Path, text: str):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return read_suite(path, REGISTRY)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ProblemsError) as told:
        read(tmp_path, text)
    assert str(told.value).startswith(str(tmp_path / "mine.toml"))
    return [str(problem) for problem in told.value.problems]


def test_a_whole_suite(tmp_path):
    suite = read(tmp_path, WHOLE)
    assert (suite.name, suite.version, suite.margin, suite.negative_control) == ("mine", 3, 1.0, None)
    assert [arm.maker for arm in suite.arms] == ["decoding", "decoding"]
    smoke = suite.scales["smoke"]
    assert (smoke.name, smoke.repetitions, smoke.warmups) == ("smoke", 2, 1)
    single, *nine = smoke.cases[:3]
    assert (single.name, single.group, single.params) == ("first", "alone", {"index": 4})
    assert [case.name for case in nine] == ["crafter-9x9/validation/0010", "crafter-9x9/validation/0011"]
    assert nine[0].params == {"split": "validation", "index": 10, "of": 12, "frames": 3}
    random = smoke.cases[3]
    assert (random.group, random.speed_only) == ("llama-like-101m-random", True)
    assert not any(case.speed_only for case in nine)


def test_what_is_not_said_is_as_in_the_suite_that_is_extended(tmp_path):
    base = REGISTRY.get("suite", "decoding")
    suite = read(tmp_path, SHORT.format(more=TWO_ARMS))
    for key in ("question", "baseline", "metrics", "primary_speed", "primary_quality", "margin", "margin_why"):
        assert getattr(suite, key) == getattr(base, key)
    assert suite.thresholds == base.thresholds
    assert suite.arms[0] == base.arm("sequential")
    assert suite.arms[1].params == {"schedule": "diagonal", "k": 3}
    assert set(suite.scales) == {"smoke"}
    assert (suite.name, suite.version) == ("mine", 1)


def test_thresholds_are_added_and_those_of_other_metrics_left_out(tmp_path):
    more = TWO_ARMS.replace("[[arms]]", 'metrics = ["frames_per_second", "ssim"]\n[[arms]]', 1)
    text = SHORT.format(more=more) + '[[thresholds]]\nmetric = "ssim"\ntau = 0.5\nwhy = "mine"\n'
    taus = [(threshold.metric, threshold.tau) for threshold in read(tmp_path, text).thresholds]
    assert taus == [("frames_per_second", 0.01), ("ssim", 0.5)]


def test_an_arm_may_change_one_thing_of_the_extended_one(tmp_path):
    text = SHORT.format(more='[[arms]]\nname = "diagonal-k2"\nsummary = "another word"\n' + TWO_ARMS[26:])
    text = text.replace('extends = "decoding"\n', 'extends = "decoding"\nnegative_control = false\n')
    arm = read(tmp_path, text).arm("diagonal-k2")
    assert (arm.summary, arm.params) == ("another word", {"schedule": "diagonal", "k": 2})


MISTAKES = {
    "unknown key": ('qestion = "x"', ["qestion: unknown key; did you mean 'question'?"]),
    "wrong type": ('margin = "big"', ["margin: must be a number, not 'big'."]),
    "not positive": ("margin = 0.0", ["margin: must be above 0"]),
    "no version": ("version = 0", ["version: must be at least 1, not 0."]),
    "no text": ("version = 1.5", ["version: must be a whole number, not 1.5."]),
    "truth as text": ('placebo = "no"', ["placebo: must be true or false, not 'no'."]),
    "unknown metric": (
        'metrics = ["frames_per_second", "sim"]',
        ["metrics[1]: unknown metric 'sim'; did you mean 'ssim'?"],
    ),
    "unknown arm": ('baseline = "sequentail"', ["baseline: unknown arm 'sequentail'; did you mean 'sequential'?"]),
    "control": ('negative_control = "frame"', ["negative_control: unknown negative control 'frame'"]),
    "speed": ('primary_speed = "psnr"', ["primary_speed: the primary speed metric 'psnr' is not analysed as a ratio"]),
}


@pytest.mark.parametrize(("line", "parts"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_its_place(tmp_path, line, parts):
    arms = TWO_ARMS.replace("negative_control = false\n", "" if "control" in line else "negative_control = false\n")
    found = problems(tmp_path, SHORT.format(more=f"{line}\n{arms}"))
    for part in parts:
        assert any(problem.startswith(part) for problem in found), found


def test_mistakes_in_arms_and_cases_are_told_all_at_once(tmp_path):
    text = """
name = "decoding"
extends = "decoding"
negative_control = false
[[arms]]
name = "sequential"
[[arms]]
name = "mine"
params = { schedule = "diagnal", k = "two", foo = 1 }
[[arms]]
name = "mine"
maker = "decodin"
[[scales.smoke.cases_of]]
model = "video-transformer-crafter-9x8"
clips = 30
split = "tset"
[[scales.smoke.cases_of]]
model = "video-transformer-crafter-9x9"
clips = 3
params = { top_p = 2, temprature = 1 }
[[scales.smoke.cases_of]]
model = "video-transformer-crafter-9x9"
clips = 3
[scales.empty]
"""
    found = problems(tmp_path, text)
    starts = [
        "name: 'decoding' is a registered suite",
        "arms[1].params.schedule: unknown schedule 'diagnal'; did you mean 'diagonal'?",
        "arms[1].params.k: must be a whole number, not 'two'.",
        "arms[1].params.foo: unknown key. Valid: compat, k, placeholder",
        "arms[2].name: 'mine' is the name of another arm",
        "arms[2].maker: unknown maker 'decodin'; did you mean 'decoding'?",
        "scales.smoke.cases_of[0].model: unknown model 'video-transformer-crafter-9x8'; did you mean",
        "scales.smoke.cases_of[0].params.split: unknown 'tset'; did you mean 'test'?",
        "scales.smoke.cases_of[1].params.top_p: must be at most 1.0, not 2.",
        "scales.smoke.cases_of[1].params.temprature: unknown key; did you mean 'temperature'?",
        "scales.smoke.cases_of[2]: case 'crafter-9x9/test/0000' is there already",
        "scales.empty: has no case",
    ]
    assert len(found) == len(starts), found
    for start in starts:
        assert any(problem.startswith(start) for problem in found), start


def test_nested_mistakes_name_table_and_index(tmp_path):
    text = SHORT.format(more='[[arms]]\nnam = "a"\nparams = { k = [1] }\n') + "[[scales.smoke.cases]]\nname = 3\n"
    found = problems(tmp_path, text)
    starts = (
        "arms[0].name: is missing",
        "arms[0].nam: unknown key; did you mean 'name'?",
        "arms[0].params.k: must be true or false, or a number, or a text, not [1].",
        "scales.smoke.cases[0].name: must be a text, not 3.",
    )
    for start in starts:
        assert any(problem.startswith(start) for problem in found), found


def test_a_suite_that_extends_none_must_say_everything(tmp_path):
    (found,) = problems(tmp_path, 'name = "mine"\nbaseline = "a"\n')
    assert found.startswith(
        "question, arms, scales, metrics, primary_speed, primary_quality, margin, margin_why: missing"
    )


def test_an_unknown_base_names_the_nearest(tmp_path):
    (found,) = problems(tmp_path, 'name = "mine"\nextends = "decodng"\n')
    assert found.startswith("extends: unknown suite 'decodng'; did you mean 'decoding'?")


@pytest.mark.parametrize("name", ["../up", "a b", "", "-x"])
def test_a_name_that_is_no_folder_is_refused(tmp_path, name):
    assert any(
        problem.startswith("name: ") for problem in problems(tmp_path, f'name = "{name}"\nextends = "decoding"\n')
    )


def test_no_toml_and_no_file_are_told(tmp_path):
    with pytest.raises(UsageError, match=r"is not TOML: .*line 1"):
        read(tmp_path, "a = \n")
    with pytest.raises(UsageError, match=r"there is no file .*mine2.toml'; did you mean .*mine.toml'"):
        read_suite(tmp_path / "mine2.toml", REGISTRY)
    with pytest.raises(UsageError, match="cannot be read"):
        read_suite(tmp_path, REGISTRY)


def test_what_is_a_path():
    assert is_path("a.toml")
    assert is_path("folder/a")
    assert is_path(Path("a"))
    assert not is_path("decoding")


def test_a_suite_is_found_by_itself_its_name_or_its_file():
    suite = get_suite("decoding")
    assert get_suite(suite) is suite
    assert get_suite(EXAMPLE) == get_suite(str(EXAMPLE))
    assert get_suite(EXAMPLE).name == EXAMPLE.stem


def test_the_schema_knows_the_keys_of_the_example_and_says_what_each_is():
    schema = SuiteFile.model_json_schema()
    assert set(tomllib.loads(EXAMPLE.read_text())) <= set(schema["properties"])
    tables = [schema, *schema["$defs"].values()]
    assert all("description" in field for table in tables for field in table["properties"].values())
    assert all(table["additionalProperties"] is False for table in tables)


def test_clip_cases_name_every_clip_once():
    cases = clip_cases(NINE, 3, first=2, frames=4)
    assert [case.name for case in cases] == [f"{NINE}/test/{i:04d}" for i in (2, 3, 4)]
    assert {case.params["of"] for case in cases} == {5}
    assert {case.params["frames"] for case in cases} == {4}


def test_a_case_names_a_model_where_a_maker_needs_one_and_only_there(tmp_path):
    case = '[[scales.smoke.cases]]\nname = "a"\ngroup = "g"\n'
    assert problems(tmp_path, SHORT.format(more="") + case) == [
        "scales.smoke.cases[0].model: is missing; maker 'decoding' needs one. See: diptych list models"
    ]
    text = 'name = "spoiled"\nextends = "metrics-sanity"\nmetrics = ["ssim", "psnr"]\n[scales.smoke]\n' + case
    suite = read(tmp_path, text + 'params = { world = "crafter-9x9" }\n')
    assert suite.primary_speed is None
    assert {e.metric for e in suite.expectations} == {"ssim", "psnr"}
