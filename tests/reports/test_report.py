"""The page as a whole: self-contained, escaped, the same bytes again, whole where runs are not."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import av
import numpy as np
import pytest

from harness.analyse import analyse
from harness.errors import DiptychError, UsageError
from harness.store.run_store import RunStore
from reports.report import write_report
from reports.wording import estimate_text, typeset

ROOT = Path(__file__).resolve().parents[2]
VOID = {"meta", "link", "input", "br", "hr", "img"}


class Reader(HTMLParser):
    """Collects tags, text and ids, and checks that every tag is closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.page = page
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def written(run_path, metrics, tmp_path_factory):
    return write_report([run_path], tmp_path_factory.mktemp("page") / "sub" / "report.html", metrics=metrics)


@pytest.fixture(scope="module")
def page(written):
    return Reader(written.path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def analysis(run_path, metrics):
    store = RunStore.open(run_path)
    return analyse(store.manifest.suite, store.records(), metrics)


def test_result_tells_path_size_and_runs(written):
    assert written.bytes == written.path.stat().st_size
    assert written.runs == ("run-0001",)


def test_the_same_run_gives_the_same_bytes_even_from_another_folder(written, run_path, metrics, tmp_path):
    elsewhere = tmp_path / "moved" / run_path.name
    shutil.copytree(run_path, elsewhere)
    again = write_report([elsewhere], tmp_path / "again.html", metrics=metrics)
    assert again.path.read_bytes() == written.path.read_bytes()
    assert str(run_path.parent) not in written.path.read_text(encoding="utf-8")


def test_other_numbers_give_another_page(written, vary, make_run, metrics, tmp_path):
    other = write_report([make_run(vary(seed=1))], tmp_path / "other.html", metrics=metrics)
    assert other.path.read_bytes() != written.path.read_bytes()


def test_nothing_is_fetched(page, written):
    for _tag, attrs in page.tags:
        for name in ("src", "href", "xlink:href", "srcset", "poster", "data", "action"):
            address = attrs.get(name)
            assert address is None or address.startswith(("data:", "#")), (name, address[:60])
    body = written.path.read_text(encoding="utf-8")
    assert "@import" not in body
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", body))
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy


def test_ids_are_unique_and_links_lead_somewhere(page):
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = [attrs["href"][1:] for attrs in page.all("a")] + [
        attrs[k][1:] for attrs in page.all("use") for k in attrs if k.endswith("href")
    ]
    assert set(targets) <= set(ids)


def test_parts_stand_in_their_order(page):
    parts = ["How much faster is", "Conclusions", "Numbers", "Figures", "Speed against quality"]
    parts += ["Speed-up, measured and expected", "Latency per frame", "The diptychs", "How to read this page"]
    parts += ["Notes", "Provenance"]
    heads = re.findall(r'<(?:h[23]|figcaption class="head"|p class="question")[^>]*>([^<]*)', page.page)
    places = [next(i for i, head in enumerate(heads) if head.startswith(part)) for part in parts]
    assert places == sorted(places)


def test_every_conclusion_is_written_with_its_numbers(page, analysis):
    assert typeset(analysis.conclusion) in page.text
    assert len(analysis.conclusions) == 8
    for conclusion in analysis.conclusions:
        assert typeset(conclusion.sentence).removeprefix(f"{conclusion.group}: ") in page.text


def test_every_finding_is_written_with_interval_and_verdict(page, analysis):
    shown = [f for f in analysis.findings if f.estimate.value is not None and f.metric in ("frames_per_second", "psnr")]
    assert len(shown) == 12
    for finding in shown:
        assert estimate_text(finding.estimate) in page.text
        assert f"▲ {finding.verdict}" in page.text or finding.verdict != "improved"


def test_random_weights_say_nothing_of_quality(page):
    assert "random weights: speed only" in page.text
    assert "PSNR, Token accuracy, KVD [toy] : no number; random weights: no quality can be claimed" in page.text


def test_clips_are_h264_and_show_the_frames(page, recipe):
    clips = [v["src"] for v in page.all("video")]
    assert len(clips) == 2 * (5 + 1)  # two blocks were kept; five arms and the truth
    data = base64.b64decode(clips[0].removeprefix("data:video/mp4;base64,"))
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == recipe.frames + 1
    assert min(frames[0].shape[:2]) >= 216


def test_the_diptych_opens_with_baseline_best_arm_truth_and_control(page):
    figures = [a for a in page.all("figure") if (a.get("class") or "").startswith("panel")]
    assert [f["data-arm"] for f in figures[:4]] == ["sequential", "diagonal-k2", "", "frame-at-once"]


def test_provenance_is_complete(page, run_path):
    manifest = RunStore.open(run_path).manifest
    for fact in (
        manifest.run_id, "diptych run decoding --scale small", "0123456789abcdef0123456789abcdef01234567",
        "changed since", manifest.comparability_key, str(manifest.plan.order_seed), "Invented 9000",
        "decoding, version 1",
        "numpy", "2.13.0", "Half a decibel is below", "Twice the noise floor", "trials 0–79",
    ):  # fmt: skip
        assert fact in page.text, fact
    assert "+ a change" not in page.text


EVIL = "<script>alert(1)</script>&\"'`${x}{{ 7*7 }}$x_1^2$"


def test_what_a_user_typed_is_escaped(vary, make_run, metrics, tmp_path):
    base = vary()
    swap = {name: ("<b onclick=x>k2</b>" if name == "diagonal-k2" else name) for name in base.speed}
    evil = vary(
        case_prefix=f"{EVIL}/",
        question=f"Is {EVIL} faster?",
        **{key: {swap[a]: v for a, v in getattr(base, key).items()} for key in ("speed", "passes", "quality")},
        failed=frozenset({3}),
    )
    target = tmp_path / "report.html"
    write_report([make_run(evil)], target, metrics=metrics)
    page = Reader(target.read_text(encoding="utf-8"))
    assert len(page.all("script")) == 1
    assert not any("onclick" in attrs for _, attrs in page.tags)
    assert f"Is {EVIL} faster?" in page.text
    assert f"{EVIL}/0000" in page.text
    assert "<b onclick=x>k2</b>" in page.text
    assert "{{ 7*7 }}" in page.text


def test_failures_flags_and_missing_halves_are_told(vary, make_run, metrics, tmp_path):
    run = make_run(vary(failed=frozenset({7}), flagged=frozenset({3, 4, 5, 20})))
    write_report([run], tmp_path / "r.html", metrics=metrics)
    text = Reader((tmp_path / "r.html").read_text(encoding="utf-8")).text
    assert "NotFinite: logits hold NaN at pass 3 <of 9>" in text
    assert "trials are flagged 'load' and kept" in text
    assert "were lost to failed trials (NotFinite 1)" in text
    assert "1 trial failed" in text


def test_a_killed_run_says_what_is_missing(run_path, metrics, tmp_path):
    half = tmp_path / "half"
    shutil.copytree(run_path, half)
    lines = (half / "trials.jsonl").read_bytes().splitlines(keepends=True)
    (half / "trials.jsonl").write_bytes(b"".join(lines[:33]) + lines[33][:50])
    write_report([half], tmp_path / "r.html", metrics=metrics)
    text = Reader((tmp_path / "r.html").read_text(encoding="utf-8")).text
    assert f"{len(lines) - 33} planned trials not run yet: diptych resume run-0001" in text
    assert "torn" in text


def test_no_complete_pair_is_a_page_that_says_so(run_path, metrics, tmp_path):
    empty = tmp_path / "empty"
    shutil.copytree(run_path, empty)
    first = (empty / "trials.jsonl").read_bytes().splitlines(keepends=True)[0]
    (empty / "trials.jsonl").write_bytes(first)
    write_report([empty], tmp_path / "r.html", metrics=metrics)
    text = Reader((tmp_path / "r.html").read_text(encoding="utf-8")).text
    assert "No complete pair: nothing can be concluded." in text


def test_a_baseline_without_its_videos_is_reported_without_them(run_path, metrics, tmp_path):
    bare = tmp_path / "bare"
    shutil.copytree(run_path, bare, ignore=shutil.ignore_patterns("samples"))
    write_report([bare], tmp_path / "r.html", metrics=metrics)
    page = Reader((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert page.all("video") == []
    assert "2 blocks of kept videos cannot be shown" in page.text


def test_a_suite_of_two_arms_and_no_control_is_reported(vary, make_run, metrics, recipe, tmp_path):
    few = {
        key: {a: v for a, v in getattr(recipe, key).items() if a in ("sequential", "diagonal-k2")}
        for key in ("speed", "passes", "quality")
    }
    result = write_report([make_run(vary(**few, random_cases=0))], tmp_path / "r.html", metrics=metrics)
    page = Reader(result.path.read_text(encoding="utf-8"))
    assert "negative control" not in page.text.lower()
    assert len(page.all("video")) == 2 * 3


def test_two_runs_make_one_page_of_two_parts(run_path, vary, make_run, metrics, tmp_path):
    other = make_run(vary(suite_name="other"), "run-0002")
    result = write_report([run_path, other], tmp_path / "r.html", metrics=metrics, rows_per_group=1)
    page = Reader(result.path.read_text(encoding="utf-8"))
    assert result.runs == ("run-0001", "run-0002")
    assert len(page.all("article")) == 2
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert len(page.all("video")) == 2 * 6


def test_the_name_is_taken_from_suite_and_run(run_path, metrics, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert write_report([run_path], metrics=metrics, rows_per_group=0).path == Path("diptych-decoding-run-0001.html")
    assert (tmp_path / "diptych-decoding-run-0001.html").is_file()


def test_mistakes_are_told(run_path, metrics, tmp_path):
    with pytest.raises(UsageError, match="at least one run"):
        write_report([], metrics=metrics)
    with pytest.raises(UsageError, match="named twice"):
        write_report([run_path, run_path], tmp_path / "r.html", metrics=metrics)
    with pytest.raises(DiptychError, match="not a run"):
        write_report([tmp_path], tmp_path / "r.html", metrics=metrics)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DiptychError, match="cannot be written"):
        write_report([run_path], tmp_path / "file" / "r.html", metrics=metrics, rows_per_group=0)


BLOCKED = """
import json, pickle, sys
from pathlib import Path
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "models"):
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Wall())
from harness.types import Metric
from reports.report import write_report
facts = json.loads(sys.argv[3])
metrics = {}
for fact in facts:
    distance = (lambda a, b: float(((a.mean(0) - b.mean(0)) ** 2).sum())) if fact["scale"] == "set" else None
    metrics[fact["name"]] = Metric(**fact, compute=lambda made: None, distance=distance)
print(write_report([Path(sys.argv[1])], Path(sys.argv[2]), metrics=metrics, rows_per_group=1).bytes)
assert not {"torch", "models"} & set(sys.modules)
"""


def test_torch_and_models_are_not_needed(run_path, metrics, tmp_path):
    names = ("name", "summary", "unit", "direction", "scale", "quality", "feature_space")
    facts = [{n: getattr(m, n) for n in names} for m in metrics.values()]
    command = [sys.executable, "-c", BLOCKED, str(run_path), str(tmp_path / "r.html"), json.dumps(facts)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == (tmp_path / "r.html").stat().st_size


def test_prompt_frames_are_the_first_of_a_clip(page, recipe):
    data = base64.b64decode(page.all("video")[0]["src"].removeprefix("data:video/mp4;base64,"))
    with av.open(io.BytesIO(data)) as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24")
    row = next(a for t, a in page.tags if t == "div" and a.get("class") == "row")
    assert (row["data-frames"], row["data-prompt"]) == (str(recipe.frames + 1), "1")
    scale = first.shape[0] // 36
    assert np.abs(first[2 * scale, 12 * scale].astype(int) - (230, 120, 40)).max() < 12  # case 0 starts at the top
