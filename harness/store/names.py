"""What the files in a run's folder are called."""

MANIFEST = "manifest.json"
TRIALS = "trials.jsonl"
PACKED = "trials.jsonl.gz"
TORN = "trials.torn"
SUMMARY = "summary.json"
SAMPLES = "samples"
LOCK = ".lock"
