#!/usr/bin/env bash
# Everything that wants a GPU, for a machine with Python 3.12, torch and an NVIDIA card, and no network.
#
#   dev/gpu/run.sh prepare         before, on a machine with the network and the simulator: fills dev/gpu/clips
#   dev/gpu/run.sh STAGE [FOLDER]  there: one of check, tests, engine, train, bench, align; results go to FOLDER, else
#                                  $OUT, else dev/gpu/work/out
#
# Each stage ends in under 9 minutes (DIPTYCH_GPU_SECONDS) and goes on where it stopped when it is called again. Where
# dev/gpu/work is kept between calls that is all; for a machine that forgets, put the state.tar.gz.* that a stage left in
# FOLDER into dev/gpu/clips before the next call. At most 8 files of 16 MiB are left in FOLDER.
#
# STATUS: written without a GPU at hand and never run on one. Expect to mend it on first use, and then delete this line.
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

stage=${1:-}
out=${2:-${OUT:-dev/gpu/work/out}}
seconds=${DIPTYCH_GPU_SECONDS:-480}
carried=dev/gpu/clips # not committed; made by prepare
work=dev/gpu/work     # not committed; checkpoints and runs
python=${PYTHON:-python3}
state=$out/state.tar.gz
piece=15m
most_bytes=$((64 * 1024 * 1024))
clips=${DIPTYCH_GPU_CLIPS:-9600} # about 1 KB each as tokens
steps=${DIPTYCH_GPU_STEPS:-8000} # of 64 sequences: 53 epochs of 9600 clips

export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} DIPTYCH_OFFLINE=1 DIPTYCH_RESULTS=$PWD/$work/results
export DIPTYCH_CACHE=$PWD/$carried/cache # the test clips that prepare rendered, and nothing of the caller's

say() { printf '%s\n' "$*" >&2; }

version_of() { "$python" -c 'import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))' "$1"; }

# --- before: what a bare machine lacks --------------------------------------------------------------------------------

prepare() {
  rm -rf "$carried/wheels" "$carried/cache"
  mkdir -p "$carried/wheels" "$carried/cache"
  unset DIPTYCH_OFFLINE
  # What the machine lacks, in the versions that are installed here; crafter has no wheel, so it is built.
  local name pinned=()
  for name in pydantic pydantic-core annotated-types typing-inspection opensimplex diffusers huggingface-hub peft accelerate; do
    pinned+=("$name==$(version_of "$name")")
  done
  "$python" -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.12 -d "$carried/wheels" "${pinned[@]}"
  "$python" -m pip wheel --quiet --no-deps -w "$carried/wheels" "crafter==$(version_of crafter)"
  # Training and validation clips as tokens: their frames stay here. The test clips of the decoding suite as frames.
  DIPTYCH_CACHE=$PWD/$work/frames "$python" -m models.training.clips crafter-9x9 train "$clips" "$carried/train.npz"
  DIPTYCH_CACHE=$PWD/$work/frames "$python" -m models.training.clips crafter-9x9 validation 256 "$carried/validation.npz"
  "$python" - <<'PYTHON'
from harness.cli.builtin import load_builtin
from harness.cli.verbs import get_suite

registry = load_builtin()
wanted: dict[str, int] = {}
for case in get_suite("decoding").scales["small"].cases:
    world = registry.get("model", case.model).world
    wanted[world] = max(wanted.get(world, 0), int(case.params["index"]) + 1)
for world, count in wanted.items():
    registry.get("world", world)().clips("test", count)
    print(world, count)
PYTHON
  local bytes
  bytes=$(($(du -sb "$carried" | cut -f1) + $(git ls-files -z | du -cb --files0-from=- | tail -n 1 | cut -f1)))
  say "repository and $carried: $bytes bytes of at most $most_bytes"
  [ "$bytes" -le "$most_bytes" ]
}

# --- there --------------------------------------------------------------------------------------------------------------

begin() {
  say "$0: never run on a GPU before this commit; read what it says with that in mind"
  mkdir -p "$out" "$work"
  local kept=$carried/state.tar.gz
  if [ ! -e "$work/begun" ] && compgen -G "$kept.*" >/dev/null; then
    say "going on from $kept.*"
    cat "$kept".* | tar -xz -C "$work"
  fi
  touch "$work/begun"
  if compgen -G "$carried/wheels/*.whl" >/dev/null; then
    # Into a folder of ours, which comes before what the machine has; torch and NumPy are not among them.
    "$python" -m pip install --quiet --no-index --no-deps --upgrade --target "$work/site" "$carried"/wheels/*.whl ||
      say "the carried wheels do not fit this Python"
    export PYTHONPATH=$PYTHONPATH:$PWD/$work/site
  fi
}

# Pack checkpoints and runs in pieces that fit through a small door; the old pieces go first.
keep() {
  rm -f "$state".*
  tar -cz -C "$work" --exclude=./site --exclude=./out --exclude=./frames --exclude='*/samples' . |
    split -b "$piece" -d - "$state."
  ls -l "$out" >&2
  [ "$(find "$out" -type f | wc -l)" -le 8 ] || say "more than 8 files in $out: some may not come back"
}

check() {
  {
    nvidia-smi --query-gpu=name,driver_version,memory.total,power.limit --format=csv || echo "no nvidia-smi"
    "$python" - <<'PYTHON'
import importlib.metadata as metadata
import importlib.util
import sys

NEEDED = {"torch": "torch", "numpy": "numpy", "pydantic": "pydantic", "safetensors": "safetensors", "scipy": "scipy"}
USED = {
    "click": "the command line (stages use Python directly without it)",
    "pytest": "stage tests",
    "hypothesis": "stage tests",
    "psutil": "memory and load",
    "crafter": "clips that are not carried",
    "opensimplex": "clips that are not carried",
    "av": "keeping videos (runs here keep none)",
    "skimage": "SSIM",
    "pandas": "reports",
    "transformers": "the comparison with another implementation",
    "diffusers": "stage align",
    "peft": "stage align",
}
print("python", sys.version.split()[0])
lacking = []
for name in NEEDED:
    if importlib.util.find_spec(name):
        print(name, metadata.version(name))
    else:
        lacking.append(name)
        print("MISSING and needed:", name)
for name, why in USED.items():
    if not importlib.util.find_spec(name):
        print(f"missing: {name}: {why}")
if "torch" not in lacking:
    import torch

    print("cuda", torch.version.cuda, torch.cuda.get_device_name(0) if torch.cuda.is_available() else "NOT AVAILABLE")
    if not torch.cuda.is_available():
        lacking.append("a CUDA device")
sys.exit(f"cannot go on without: {', '.join(lacking)}" if lacking else 0)
PYTHON
  } 2>&1 | tee "$out/check.txt"
}

tests() {
  if ! "$python" -c 'import pytest, hypothesis' 2>/dev/null; then
    say "tests: pytest or hypothesis is missing; not run"
    return 1
  fi
  # The rest of tests/ wants packages that such a machine lacks, and has no gpu test.
  timeout "$seconds" "$python" -m pytest -m gpu -p no:cacheprovider tests/models tests/harness 2>&1 | tee "$out/tests.txt"
}

# What a long stage's exit code means: the clock ended it (timeout says 124, a second signal 137), or it failed.
ended() {
  case "$2" in
    0) ;;
    124 | 130 | 137) say "$1: not finished; call it again to go on" ;;
    *)
      say "$1: failed (exit $2)"
      return "$2"
      ;;
  esac
}

# Interrupted by the clock, training leaves its last checkpoint, and a later call goes on from it.
train() {
  local folder=$work/video-transformer code=0 resume=False
  [ ! -e "$carried/train.npz" ] && { say "train: $carried/train.npz is missing; run prepare first"; return 1; }
  [ -e "$folder/checkpoint.safetensors" ] && resume=True
  timeout --signal=INT --kill-after=30 "$seconds" "$python" - "$folder" "$carried" "$resume" "$steps" 2>&1 <<'PYTHON' | tee -a "$out/train.txt" || code=$?
import sys
from pathlib import Path

from harness import train_video_transformer

folder, carried, resume = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "True"
done = train_video_transformer(
    folder,
    "gpu",
    resume=resume,
    steps=int(sys.argv[4]),
    clips=carried / "train.npz",
    validation_clips=carried / "validation.npz",
)
print("finished:", done.model_dump_json())
PYTHON
  [ -e "$folder/video_transformer.safetensors" ] && cp "$folder/video_transformer.safetensors" "$out/"
  ended train "$code"
}

# One run of the decoding suite; a later call resumes it, trial by trial.
bench() {
  local code=0
  timeout --signal=INT --kill-after=30 "$seconds" "$python" - "${DIPTYCH_GPU_SCALE:-small}" 2>&1 <<'PYTHON' | tee -a "$out/bench.txt" || code=$?
import os
import sys
from pathlib import Path

from harness import resume_run, run_suite
from harness.cli.progress import RunProgress

runs = sorted(Path(os.environ["DIPTYCH_RESULTS"]).glob("decoding/*"))
with RunProgress() as progress:
    if runs:
        facts = resume_run(str(runs[-1]), progress=progress.show)
    else:
        facts = run_suite("decoding", sys.argv[1], device="cuda", keep_samples=0, progress=progress.show)
print(facts.conclusion)
print(facts.model_dump_json())
PYTHON
  ended bench "$code"
}

# The engine against transformers (where it is installed), its bound and predicted speed-ups, at published sizes.
engine() {
  local code=0
  timeout --signal=INT --kill-after=30 "$seconds" "$python" - 2>&1 <<'PYTHON' | tee -a "$out/engine.txt" || code=$?
from harness import run_bench

print(run_bench("decoding", tell=print).model_dump_json())
PYTHON
  ended engine "$code"
}

# VideoDPO on the card: preferences by the text scorer alone (its weights ship, those of the other judges are not carried),
# three methods, then the suite; a later call goes on where this one stopped.
align() {
  local code=0
  timeout --signal=INT --kill-after=30 "$seconds" "$python" - "$work/align" 2>&1 <<'PYTHON' | tee -a "$out/align.txt" || code=$?
import os
import sys
from pathlib import Path

from harness import resume_run, run_suite
from harness.cli.aligning import train_alignment
from harness.cli.collecting import collect_preferences
from harness.cli.progress import RunProgress

folder = Path(sys.argv[1])
model, score = "text-to-video-crafter-flow", "text_alignment[video-text-crafter]"
kept = folder / "preferences"
resume = (kept / "collection.json").exists()
facts = collect_preferences(model, 512, kept, score=score, batch=128, device="cuda", resume=resume)
print(facts.model_dump_json())
for method in ("sft", "dpo", "videodpo"):
    for rank in (0, 4):
        trained = folder / f"{method}-rank{rank}"
        if (trained / "aligned.safetensors").exists():
            continue
        went = (trained / "checkpoint.safetensors").exists()
        done = train_alignment(kept, method, trained, device="cuda", rank=rank, steps=400, batch=32, resume=went)
        print(done.model_dump_json())
runs = sorted(Path(os.environ["DIPTYCH_RESULTS"]).glob("alignment/*"))
with RunProgress() as progress:
    if runs:
        found = resume_run(str(runs[-1]), progress=progress.show)
    else:
        found = run_suite("alignment", "small", device="cuda", keep_samples=0, progress=progress.show)
print(found.model_dump_json())
PYTHON
  ended align "$code"
}

case "$stage" in
  prepare) prepare ;;
  check | tests | engine | train | bench | align)
    begin
    code=0
    "$stage" || code=$?
    keep
    exit "$code"
    ;;
  *)
    say "usage: dev/gpu/run.sh prepare | check | tests | engine | train | bench | align  [FOLDER]"
    exit 2
    ;;
esac
