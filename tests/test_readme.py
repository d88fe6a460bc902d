"""README's numbers are those of the committed records."""

from __future__ import annotations

import importlib.util
import math
import re
from pathlib import Path

import pytest

from harness import plan_suite, show_run, verify_run
from harness.cli.facts import RunFacts
from harness.cli.main import COMMANDS
from harness.store.archive import file_data
from harness.store.run_store import RunStore

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BASELINES = ROOT / "results" / "baselines"


def readme_table():
    spec = importlib.util.spec_from_file_location("readme_table", ROOT / "dev" / "readme_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def only_run(suite: str, scale: str) -> Path:
    (path,) = (BASELINES / suite).glob(f"*-{scale}-*")
    return path


def disturbed(facts: RunFacts, article: str) -> str:
    """How many trials ran beside other work, such as ``9 of its 384 trials``."""
    (flagged,) = [note for note in facts.notes if "flagged 'load'" in note]
    count, trials = re.match(r"(\d+) of (\d+)", flagged).groups()
    return f"{count} of {article} {trials} trials"


def test_the_table_of_results_is_that_of_the_committed_run() -> None:
    module = readme_table()
    run = only_run("decoding", "small")
    facts = show_run(str(run))
    assert module.table(facts) in README
    assert disturbed(facts, "the") in README
    assert run.name in README


def test_the_table_of_the_second_world_and_its_margin_are_those_of_the_committed_runs() -> None:
    module = readme_table()
    run = only_run("decoding-vizdoom", "small")
    facts = show_run(str(run))
    assert module.table(facts) in README
    assert run.name in README
    assert disturbed(facts, "its") in README
    facts = show_run(str(only_run("decoding-vizdoom", "validation")))
    (found,) = [f.estimate for f in facts.findings if f.metric == "ssim"]
    suite = RunStore.open(run).manifest.suite
    assert suite.margin == math.floor(-found.high / 2 * 1000) / 1000
    assert f"{-found.value:.3f} [{-found.high:.3f}, {-found.low:.3f}]" in suite.margin_why


def test_the_table_of_published_sizes_is_that_of_the_committed_run() -> None:
    run = only_run("decoding-published", "small")
    facts = show_run(str(run))
    assert readme_table().table(facts) in README
    assert run.name in README
    assert disturbed(facts, "the") in README


def test_the_margin_is_half_of_what_the_control_loses_at_least() -> None:
    facts = show_run(str(only_run("decoding-placeholders", "full")))
    (found,) = [f.estimate for f in facts.findings if f.arm == "frame-at-once" and f.metric == "ssim"]
    suite = RunStore.open(only_run("decoding", "small")).manifest.suite
    assert suite.margin == math.floor(-found.high / 2 * 1000) / 1000
    assert f"{-found.value:.3f} [{-found.high:.3f}, {-found.low:.3f}]" in suite.margin_why


def test_null_says_nothing_and_its_floors_are_those_of_the_readme() -> None:
    facts = show_run(str(only_run("null", "small")))
    assert {f.verdict for f in facts.findings} <= {"within noise", "inconclusive"}
    same = [f for f in facts.findings if f.arm == "same-seed"]
    assert all(f.estimate.low == f.estimate.high == 0 for f in same if f.metric in ("ssim", "psnr", "token_accuracy"))
    (speed,) = [f.estimate for f in same if f.metric == "frames_per_second"]
    floor = max(abs(speed.low - 1), abs(speed.high - 1)) * 100
    (quality,) = [f.estimate for f in facts.findings if f.arm == "shifted-seed" and f.metric == "ssim"]
    reach = max(abs(quality.low), abs(quality.high))
    said = re.search(r"at most ([\d.]+) % in speed .* another seed moves SSIM by ±([\d.]+)", README.replace("\n", " "))
    assert (float(said[1]), float(said[2])) == (round(floor + 0.05, 1), round(reach, 3))


def test_the_tables_of_fidelity_and_finetuning_are_those_of_the_committed_runs() -> None:
    tables = readme_table()
    for suite, table in (("decoding-fidelity", tables.fidelity), ("decoding-finetune", tables.finetune)):
        run = only_run(suite, "small")
        facts = show_run(str(run))
        assert table(facts) in README
        assert run.name in README
    assert disturbed(facts, "its") in README  # finetuning's table has rates


def test_the_numbers_of_text_are_those_of_the_committed_run() -> None:
    run = only_run("decoding-text", "small")
    assert run.name in README
    facts = show_run(str(run))
    assert disturbed(facts, "its") in README
    for group in ("caption and prompt frame", "caption alone"):
        for metric in ("frames_per_second", "model_bits_per_token"):
            (found,) = [f for f in facts.findings if (f.group, f.arm, f.metric) == (group, "diagonal-k2", metric)]
            assert readme_table().cell(found) in README.replace("\n", " ")


def test_the_defaults_are_those_that_cost_the_fewest_bits() -> None:
    facts = show_run(str(only_run("decoding-fidelity", "small")))
    bits = {f.arm: f.estimate.value for f in facts.findings if f.metric == "model_bits_per_token"}
    assert min(bits.values()) == bits["default"]


def test_the_table_of_faults_and_the_ceilings_are_those_of_the_committed_run() -> None:
    module = readme_table()
    run = only_run("metrics-sanity", "small")
    facts = show_run(str(run))
    assert module.faults(facts) in README
    assert run.name in README
    met = re.search(r"(\d+) of (\d+) expectations are met", facts.conclusion)
    assert met[1] == met[2]
    assert f"all\n{met[1]} expectations that this run can check are met" in README
    for ceiling in [note for note in facts.notes if "the ceiling of" in note]:
        assert re.search(r"is (0\.\d+ \[0\.\d+, 0\.\d+\])", ceiling)[1] in README


def test_the_shares_of_captions_found_are_those_of_the_cards() -> None:
    for name in ("crafter", "vizdoom", "crafter_judge", "vizdoom_judge"):
        card = (ROOT / "models" / "zoo" / f"video_text_{name}.md").read_text(encoding="utf-8")
        found = re.search(r"R@1 among 64 \| \d+ of 256 \| (0\.\d+ \[0\.\d+, 0\.\d+\])", card)[1]
        assert found in README


def test_the_page_of_omniscore_is_that_of_the_committed_runs() -> None:
    spec = importlib.util.spec_from_file_location("omniscore_page", ROOT / "dev" / "omniscore_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.page(only_run("omniscore-sanity", "small"), only_run("omniscore-samples", "small"))
    assert page == (ROOT / "docs" / "omniscore.md").read_text(encoding="utf-8")


def test_the_page_and_the_table_of_alignment_are_those_of_the_committed_runs() -> None:
    spec = importlib.util.spec_from_file_location("alignment_page", ROOT / "dev" / "alignment_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    run = only_run("alignment", "small")
    page = module.page(run, only_run("alignment-ablation", "small"))
    assert page == (ROOT / "docs" / "alignment.md").read_text(encoding="utf-8")
    assert module.short_table(show_run(str(run))) in README
    assert run.name in README


def test_its_suite_file_can_be_planned(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    file = tmp_path / "mine.toml"
    file.write_text(text.replace('schedule = "row-at-once"', 'schedule = "diagonal"'))  # the order is the reader's own
    planned = plan_suite(file)
    assert planned.suite == "whole-rows"
    assert planned.arms == ("sequential", "row-at-once", "frame-at-once")


def test_every_command_that_it_shows_is_there_and_every_command_is_shown() -> None:
    shown = set(re.findall(r"^diptych ([a-z]+)", README, re.MULTILINE))
    assert shown <= COMMANDS.keys()
    assert COMMANDS.keys() - shown <= {"schema"}, "named in the text"


@pytest.mark.full
@pytest.mark.parametrize("run", sorted(BASELINES.glob("*/*")), ids=lambda run: f"{run.parent.name}-{run.name}")
def test_committed_runs_are_what_they_were_and_name_no_place_of_a_machine(run: Path) -> None:
    found = verify_run(str(run))
    old = RunStore.open(run).manifest.suite.name == "decoding-placeholders"  # its weights and suite have moved on
    assert [p for p in found.problems if not (old and p.what in ("weights", "manifest"))] == []
    manifest = file_data(run, "manifest.json").decode()
    assert not re.search(r'"/(?!proc|dev)[a-z]+/', manifest)
