"""The files of a run against each other: plan, key, declaration, machine, patch."""

from __future__ import annotations

import hashlib

from harness.errors import DiptychError
from harness.plan import make_plan
from harness.provenance import comparability_key, declaration_sha256
from harness.store.names import MANIFEST
from harness.store.records import Manifest, by_block
from harness.verify.facts import Notes


def check_plan(manifest: Manifest, notes: Notes) -> None:
    """Plan the run again from its declaration and its seed."""
    plan = manifest.plan
    notes.count("planned trials", len(plan.trials))
    if manifest.imported:
        check_imported_plan(manifest, notes)
        return
    try:
        again = make_plan(manifest.suite, plan.scale, plan.seed, plan.arms)
    except DiptychError as error:
        notes.problem("plan", MANIFEST, f"suite and seed give no plan: {error}")
        return
    for name in ("suite", "version", "order_seed"):
        mine, theirs = getattr(plan, name), getattr(again, name)
        if mine != theirs:
            notes.problem("plan", MANIFEST, f"the plan's {name} is {mine!r}; suite and seed give {theirs!r}")
    if len(plan.trials) != len(again.trials):
        why = f"the plan has {len(plan.trials)} trials; suite and seed give {len(again.trials)}"
        notes.problem("plan", MANIFEST, why)
    differing = [n for n, (mine, theirs) in enumerate(zip(plan.trials, again.trials, strict=False)) if mine != theirs]
    if differing:
        first = differing[0]
        why = f"{len(differing)} planned trials are not those of suite and seed; the first is {first}: "
        notes.problem("plan", MANIFEST, f"{why}{plan.trials[first]} instead of {again.trials[first]}")


def check_imported_plan(manifest: Manifest, notes: Notes) -> None:
    """Check the plan of an imported run, which lists what the files held: every arm of every block, in order."""
    plan, suite = manifest.plan, manifest.suite
    names, cases = {arm.name for arm in suite.arms}, {case.name: case.group for case in manifest.asked.cases}
    if [trial.index for trial in plan.trials] != list(range(len(plan.trials))):
        notes.problem("plan", MANIFEST, "the trials of the plan are not numbered in order")
    for block, trials in by_block(plan.trials).items():
        if cases.get(block.case) != block.group:
            notes.problem("plan", MANIFEST, f"case {block.case!r} of group {block.group!r} is not declared")
        if sorted(trial.arm for trial in trials) != sorted(names):
            why = f"case {block.case!r}, repetition {block.repetition} has not every arm once"
            notes.problem("plan", MANIFEST, why)


def check_key(manifest: Manifest, notes: Notes) -> None:
    """Compute the comparability key again."""
    notes.count("keys")
    again = comparability_key(manifest.suite, manifest.plan, manifest.context)
    if again != manifest.comparability_key:
        why = f"the comparability key is {manifest.comparability_key}; case and context give {again}"
        notes.problem("key", MANIFEST, why)


def check_patch(manifest: Manifest, notes: Notes) -> None:
    """Hash the patch of uncommitted changes again."""
    code = manifest.info.get("code") or {}
    patch, recorded = code.get("patch"), code.get("patch_sha256")
    if not patch:
        if recorded:
            notes.skip("patch", "only the hash of the patch was kept")
        return
    if "\ufffd" in patch:
        notes.skip("patch", "the patch held bytes that are no UTF-8, which its text does not keep")
        return
    notes.count("patches")
    found = hashlib.sha256(patch.encode()).hexdigest()
    if found != recorded:
        notes.problem("patch", MANIFEST, f"the patch has SHA-256 {found}, recorded is {recorded}")


def check_declaration(manifest: Manifest, notes: Notes) -> None:
    """Hash the declaration again: thresholds, margin and primaries are fixed before anything is measured."""
    notes.count("declarations")
    again = declaration_sha256(manifest.suite)
    if not manifest.declaration_sha256:
        notes.problem("declaration", MANIFEST, "it has no declaration_sha256, which every run begins with")
    elif again != manifest.declaration_sha256:
        why = (
            "the suite (its thresholds, margin, primary metrics, controls, arms or cases) is not the one that was "
            f"declared before measuring: its SHA-256 is {again}, recorded is {manifest.declaration_sha256}"
        )
        notes.problem("declaration", MANIFEST, why)


def check_machine(manifest: Manifest, notes: Notes) -> None:
    """Hold the device and threads that the manifest says against those that its context tells."""
    kind = manifest.device.partition(":")[0]  # the device itself need not be there
    for name, said in (("device", kind), ("threads", manifest.threads)):
        if name not in manifest.context:
            notes.skip("context", f"it does not tell the {name}")
        elif manifest.context[name] != said:
            why = f"the manifest says {name} {said!r}, its context {manifest.context[name]!r}"
            notes.problem("context", MANIFEST, why)
