"""Diptych: make the same video twice, one thing changed, and say with an interval what the change bought and cost.

The verbs of the command line as functions, and the types they return. Names are imported when they are first used, so
``import harness`` stays cheap and needs neither torch nor pandas.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from harness import torchvision_cpu

if TYPE_CHECKING:
    from harness.analyse import Analysis, Comparison
    from harness.cli.assets import AssetsFacts, asset_path, fetch_assets, list_assets, verify_assets
    from harness.cli.checking import CheckFacts, check_component
    from harness.cli.checks import Check, check_machine
    from harness.cli.exporting import AsvFacts, export_asv
    from harness.cli.facts import PlanFacts, ReportFacts, RunFacts
    from harness.cli.figures import FiguresFacts, write_figures
    from harness.cli.frames import Run, findings_frame, load_run, trials_frame
    from harness.cli.importing import import_vbench
    from harness.cli.listing import Item, Listing, list_items
    from harness.cli.omniscore import (
        omniscore_calibrate,
        omniscore_presets,
        omniscore_sensitivity,
        omniscore_validity,
    )
    from harness.cli.power import suite_power
    from harness.cli.retrieving import omniscore_retrieval
    from harness.cli.running import resume_run, run_suite
    from harness.cli.schemas import describe_schema
    from harness.cli.scoring import score
    from harness.cli.stored import (
        aggregate_runs,
        collect_garbage,
        export_runs,
        list_results,
        rebuild_summaries,
        remove_runs,
    )
    from harness.cli.training import (
        train_diagonal_finetune,
        train_idm,
        train_text_video_transformer,
        train_tokenizer,
        train_video_transformer,
    )
    from harness.cli.verbs import compare_runs, describe_schedule, get_suite, plan_suite, show_run, write_report
    from harness.cli.verifying import verify_run
    from harness.errors import DiptychError, UsageError
    from harness.power import PowerFacts
    from harness.registry import REGISTRY, register
    from harness.scoring.facts import ScoreFacts
    from harness.store.records import BlockKey, Manifest, Plan, TrialRecord
    from harness.store.run_store import RunStore
    from harness.types import Arm, Case, Conclusion, Estimate, Finding, Made, Metric, Scale, Suite, Threshold
    from harness.vbench.facts import VBenchFacts

__version__ = "0.1.0.dev0"

_HOMES = {
    "harness.analyse": ("Analysis", "Comparison"),
    "harness.cli.assets": ("AssetsFacts", "asset_path", "fetch_assets", "list_assets", "verify_assets"),
    "harness.cli.checking": ("CheckFacts", "check_component"),
    "harness.cli.checks": ("Check", "check_machine"),
    "harness.cli.importing": ("import_vbench",),
    "harness.cli.listing": ("Item", "Listing", "list_items"),
    "harness.cli.figures": ("FiguresFacts", "write_figures"),
    "harness.cli.training": (
        "train_diagonal_finetune",
        "train_idm",
        "train_text_video_transformer",
        "train_tokenizer",
        "train_video_transformer",
    ),
    "harness.cli.omniscore": (
        "omniscore_calibrate",
        "omniscore_presets",
        "omniscore_sensitivity",
        "omniscore_validity",
    ),
    "harness.cli.retrieving": ("omniscore_retrieval",),
    "harness.cli.exporting": ("AsvFacts", "export_asv"),
    "harness.cli.facts": ("PlanFacts", "ReportFacts", "RunFacts"),
    "harness.cli.power": ("suite_power",),
    "harness.cli.running": ("resume_run", "run_suite"),
    "harness.cli.schemas": ("describe_schema",),
    "harness.cli.verbs": (
        "compare_runs",
        "describe_schedule",
        "get_suite",
        "plan_suite",
        "show_run",
        "write_report",
    ),
    "harness.cli.stored": (
        "aggregate_runs",
        "collect_garbage",
        "export_runs",
        "list_results",
        "rebuild_summaries",
        "remove_runs",
    ),
    "harness.cli.scoring": ("score",),
    "harness.cli.verifying": ("verify_run",),
    "harness.errors": ("DiptychError", "UsageError"),
    "harness.cli.frames": ("Run", "findings_frame", "load_run", "trials_frame"),
    "harness.power": ("PowerFacts",),
    "harness.registry": ("REGISTRY", "register"),
    "harness.scoring.facts": ("ScoreFacts",),
    "harness.store.records": ("BlockKey", "Manifest", "Plan", "TrialRecord"),
    "harness.store.run_store": ("RunStore",),
    "harness.types": (
        "Arm",
        "Case",
        "Conclusion",
        "Estimate",
        "Finding",
        "Made",
        "Metric",
        "Scale",
        "Suite",
        "Threshold",
    ),
    "harness.vbench.facts": ("VBenchFacts",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "REGISTRY",
    "Analysis",
    "Arm",
    "AssetsFacts",
    "AsvFacts",
    "BlockKey",
    "Case",
    "Check",
    "CheckFacts",
    "Comparison",
    "Conclusion",
    "DiptychError",
    "Estimate",
    "FiguresFacts",
    "Finding",
    "Item",
    "Listing",
    "Made",
    "Manifest",
    "Metric",
    "Plan",
    "PlanFacts",
    "PowerFacts",
    "ReportFacts",
    "Run",
    "RunFacts",
    "RunStore",
    "Scale",
    "ScoreFacts",
    "Suite",
    "Threshold",
    "TrialRecord",
    "UsageError",
    "VBenchFacts",
    "__version__",
    "aggregate_runs",
    "asset_path",
    "check_component",
    "check_machine",
    "collect_garbage",
    "compare_runs",
    "describe_schedule",
    "describe_schema",
    "export_asv",
    "export_runs",
    "fetch_assets",
    "findings_frame",
    "get_suite",
    "import_vbench",
    "list_assets",
    "list_items",
    "list_results",
    "load_run",
    "omniscore_calibrate",
    "omniscore_presets",
    "omniscore_retrieval",
    "omniscore_sensitivity",
    "omniscore_validity",
    "plan_suite",
    "rebuild_summaries",
    "register",
    "remove_runs",
    "resume_run",
    "run_suite",
    "score",
    "show_run",
    "suite_power",
    "train_diagonal_finetune",
    "train_idm",
    "train_text_video_transformer",
    "train_tokenizer",
    "train_video_transformer",
    "trials_frame",
    "verify_assets",
    "verify_run",
    "write_figures",
    "write_report",
]

torchvision_cpu.install()


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names, imported or not."""
    return sorted({*globals(), *_HOME_OF})
