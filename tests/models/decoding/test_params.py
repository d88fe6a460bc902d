"""What arms and cases say to the decoding maker: read once, shared where it means the same."""

from __future__ import annotations

import pytest

from harness.cli.builtin import load_builtin
from harness.types import Arm, Case
from models.decoding.declared import ArmParams, CaseParams
from models.decoding.params import clip_of, sampler_of, tables_of
from models.decoding.sampling import Sampler

CARD = load_builtin().get("model", "video-transformer-crafter-9x9")


def tables(arm: dict | None = None, case: dict | None = None):
    params = {"schedule": "diagonal", "k": 2} | (arm or {})
    return tables_of(
        Arm(name="a", maker="decoding", params=params),
        CARD,
        Case(name="c", group="g", model=CARD.name, params=case or {}),
    )


def test_equal_shapes_share_one_table():
    assert tables(case={"index": 3}) is tables(case={"index": 4, "temperature": 0.5})
    assert tables({"k": 2}) is tables({"k": 2, "refresh": True, "placeholder": None})


@pytest.mark.parametrize(
    ("arm", "case"),
    [
        ({"k": 3}, {}),
        ({"schedule": "diagonal-st"}, {}),
        ({"placeholder": "repeat"}, {}),
        ({"provisional": "all"}, {}),
        ({"refresh": False}, {}),
        ({"refresh_actions": True}, {}),
        ({"unwritten": True}, {}),
        ({"compat": "mineworld"}, {}),
        ({}, {"frames": 2}),
        ({}, {"prompt_frames": 1}),
    ],
)
def test_whatever_changes_a_table_gives_another(arm, case):
    assert tables(arm, case) is not tables()


def test_the_declared_sampling_is_the_sampler():
    assert set(Sampler.model_fields) <= set(CaseParams.model_fields)
    for name, field in Sampler.model_fields.items():
        assert CaseParams.model_fields[name].default == field.default
    asked = {"temperature": 2, "top_k": 5, "top_p": 0.5, "greedy": True}
    case = Case(name="c", group="g", model=CARD.name, params=asked)
    assert sampler_of(case) == Sampler(temperature=2.0, top_k=5, top_p=0.5, greedy=True)
    assert clip_of(case) == ("test", 0, 1)


def test_every_parameter_of_an_arm_reaches_the_tables():
    tabled = {
        "schedule", "k", "placeholder", "provisional", "refresh", "refresh_actions", "unwritten", "compat",
    }  # fmt: skip
    assert set(ArmParams.model_fields) == tabled | {"stale", "weights"}
