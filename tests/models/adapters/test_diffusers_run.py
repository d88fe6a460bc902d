"""``diptych run`` of a user's suite: a saved pipeline, with and without a LoRA, into a report."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("diffusers", reason="the package diffusers is not installed")

from harness.cli.main import run
from harness.registry import REGISTRY
from harness.suite_file import read_suite
from models.adapters.tiny import tiny_pipeline
from tests.models.adapters.tinies import LAYERS, write_lora

ROOT = Path(__file__).parents[3]
SUITE = """
name = "my-lora"
question = "What does my LoRA buy, and what does it cost?"
baseline = "base"
metrics = ["frames_per_second", "peak_memory_bytes", "temporal_flickering[frame-difference]"]
primary_speed = "frames_per_second"
primary_quality = "temporal_flickering[frame-difference]"
margin = 0.05
margin_why = "thirteen grey levels of mean difference"
negative_control = false

[[thresholds]]
metric = "frames_per_second"
tau = 0.05
why = "below this, timings differ anyway"

[[arms]]
name = "base"
maker = "diffusers"

[[arms]]
name = "lora"
maker = "diffusers"
params = { lora = "LORA" }

[[arms]]
name = "zero"
maker = "diffusers"
params = { lora = "ZERO" }

[[scales.smoke.cases_of]]
group = "mine"
clips = 2
params = { pipeline = "PIPELINE", prompts = "PROMPTS", frames = 9, height = 16, width = 16, steps = 2, guidance = 3.0 }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mine")
    pipeline = tiny_pipeline("tiny:cogvideox")
    pipeline.save_pretrained(folder / "pipeline")
    part, layers = LAYERS["tiny:cogvideox"]
    write_lora(folder / "lora.safetensors", pipeline, part, layers)
    write_lora(folder / "zero.safetensors", pipeline, part, layers, scale=0.0)
    (folder / "prompts.txt").write_text("a red cat\ntwo dogs\n")
    text = SUITE
    for word, name in (
        ("LORA", "lora.safetensors"),
        ("ZERO", "zero.safetensors"),
        ("PIPELINE", "pipeline"),
        ("PROMPTS", "prompts.txt"),
    ):
        text = text.replace(f'"{word}"', json.dumps(str(folder / name)))
    (folder / "mine.toml").write_text(text)
    return folder


def test_a_users_suite_is_run_and_reported(folder, tmp_path, capsys):
    results = tmp_path / "results"
    code = run(["run", str(folder / "mine.toml"), "--scale", "smoke", "--results", str(results), "--json"])
    said = capsys.readouterr()
    assert code == 0, said.err
    document = json.loads(said.out.splitlines()[-1])
    assert document["trials"] | {"finished": 6, "failed": 0, "unpaired": 0} == document["trials"]
    path = Path(document["path"])
    records = [json.loads(line) for line in (path / "trials.jsonl").read_text().splitlines()]
    by_block: dict[str, dict[str, dict]] = {}
    for record in records:
        by_block.setdefault(record["block"]["case"], {})[record["arm"]] = record
    assert sorted(by_block) == ["mine/0000", "mine/0001"]
    for arms in by_block.values():
        assert len({arms[name]["hashes"]["noise"] for name in arms}) == 1
        assert len({arms[name]["hashes"]["prompt"] for name in arms}) == 1
        assert len({arms[name]["hashes"]["weights"] for name in arms}) == 3
        assert arms["zero"]["hashes"]["tokens"] == arms["base"]["hashes"]["tokens"] != arms["lora"]["hashes"]["tokens"]
        assert arms["base"]["info"]["prompt"] in ("a red cat", "two dogs")
        assert len(arms["base"]["info"]["step_seconds"]) == 2
        assert arms["base"]["counts"] == {"frames": 9, "steps": 2}
    noise = {arms["base"]["hashes"]["noise"] for arms in by_block.values()}
    assert len(noise) == 2, "each block has noise of its own"
    context = json.loads((path / "manifest.json").read_text())["context"]
    assert "CogVideoXPipeline" in json.dumps(context)
    judged = "temporal_flickering[frame-difference]"
    zero = [f for f in document["findings"] if f["arm"] == "zero" and f["metric"] == judged]
    assert [f["estimate"]["value"] for f in zero] == [pytest.approx(0.0, abs=0.0)]
    assert run(["report", str(path), "-o", str(tmp_path / "report.html")]) == 0
    assert "my-lora" in (tmp_path / "report.html").read_text()


def test_a_lora_that_does_not_fit_ends_the_run_before_it_begins(folder, tmp_path, capsys):
    part, layers = LAYERS["tiny:wan"]
    write_lora(folder / "wan.safetensors", tiny_pipeline("tiny:wan"), part, layers)
    text = (folder / "mine.toml").read_text().replace("lora.safetensors", "wan.safetensors")
    (folder / "other.toml").write_text(text)
    code = run(["run", str(folder / "other.toml"), "--results", str(tmp_path / "results")])
    said = capsys.readouterr().err
    assert code == 1
    assert "no layer transformer.blocks.0.attn1.to_q" in said
    assert "Traceback" not in said


def test_a_weight_that_is_no_number_is_a_failed_record(folder, tmp_path, capsys):
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "lora.safetensors")
    save_file({name: value * np.nan for name, value in tensors.items()}, folder / "nan.safetensors")
    (folder / "nan.toml").write_text((folder / "mine.toml").read_text().replace("/lora.safe", "/nan.safe"))
    code = run(["run", str(folder / "nan.toml"), "--results", str(tmp_path / "results"), "--json"])
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert code == 0
    assert document["trials"]["failed"] == 2
    records = [json.loads(line) for line in (Path(document["path"]) / "trials.jsonl").read_text().splitlines()]
    assert {r["error"]["type"] for r in records if r["status"] == "failed"} == {"NotFinite"}
    assert {r["arm"] for r in records if r["status"] == "failed"} == {"lora"}


def test_the_suites_of_the_guide_are_suites(tmp_path):
    text = (ROOT / "docs" / "diffusers.md").read_text()
    blocks = [block.split("```")[0] for block in text.split("```toml\n")[1:]]
    names = []
    for number, block in enumerate(blocks):
        (tmp_path / f"{number}.toml").write_text(block)
        suite = read_suite(tmp_path / f"{number}.toml", REGISTRY)
        names.append(suite.name)
        assert tomllib.loads(block)["name"] == suite.name
    assert names == ["cogvideox-lora", "wan-lora"]
