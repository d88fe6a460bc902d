"""Old files, read today: one small pure function per step up, for a manifest and for a trial record.

Files are migrated in memory whenever they are read, from their own version step by step to :data:`SCHEMA_VERSION`, and
only then validated; what is on disk stays as it was written. A step is never changed once a version with a later one
is out. To change the format: raise ``SCHEMA_VERSION``, add one :class:`Step` here under the version that it starts
from, and one small run of the old version to ``tests/golden/``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from harness.errors import DiptychError
from harness.store.records import SCHEMA_VERSION

FIRST_VERSION = 1
"""The version of the first committed baselines; nothing older was ever kept."""

Facts = dict[str, Any]
Kind = Literal["manifest", "record"]


@dataclass(frozen=True)
class Step:
    """From one version to the next.

    Attributes:
        manifest: Old manifest → new one; the old one is left alone.
        record: Old trial record → new one; the old one is left alone.
    """

    manifest: Callable[[Facts], Facts]
    record: Callable[[Facts], Facts]


def manifest_1_to_2(old: Facts) -> Facts:
    """Scales may limit the time of repeats (``repeat_seconds``); so far none did.

    The limit belongs to what was asked, and so to the comparability key: a key that is right for the old facts becomes
    the one of the same question asked today, so that old runs and new ones stay comparable. A key that is wrong stays
    as it is, for ``diptych verify`` to find.

    Manifests keep a hash of the declaration since. Of an old one it is the hash of what is found in it, which proves
    nothing: a threshold that was changed after measuring cannot be told there.
    """
    scales = {name: {**scale, "repeat_seconds": None} for name, scale in old["suite"]["scales"].items()}
    suite = {**old["suite"], "scales": scales}
    new = {**old, "schema_version": 2, "suite": suite, "declaration_sha256": hash_of_version_2(suite)}
    right = old["comparability_key"] == key_of_versions_1_and_2(old)
    return {**new, "comparability_key": key_of_versions_1_and_2(new)} if right else new


def record_1_to_2(old: Facts) -> Facts:
    """Trials may tell their energy and the warm-ups that they waited for; so far none did."""
    return {**old, "schema_version": 2, "energy_joules": None, "warmup_seconds": []}


def manifest_2_to_3(old: Facts) -> Facts:
    """Suites may declare what metrics must say (``expectations``); so far none did. The question is the same.

    The hash of a declaration covers what it expects, so a right one becomes that of the same declaration today.
    """
    suite = {**old["suite"], "expectations": []}
    right = old["declaration_sha256"] == hash_of_version_2(old["suite"])
    kept = hash_of_version_2(suite) if right else old["declaration_sha256"]
    return {**old, "schema_version": 3, "suite": suite, "declaration_sha256": kept}


def record_2_to_3(old: Facts) -> Facts:
    """Trials may keep a metric's values frame by frame; so far none did."""
    return {**old, "schema_version": 3, "frame_values": {}}


STEPS: dict[int, Step] = {
    1: Step(manifest_1_to_2, record_1_to_2),
    2: Step(manifest_2_to_3, record_2_to_3),
}
"""Version → the step that leads from it to the next."""


def key_of_versions_1_and_2(manifest: Mapping[str, Any]) -> str:
    """Return the comparability key as versions 1 and 2 compute it: kept here, so that later recipes change no step."""
    suite, plan = manifest["suite"], manifest["plan"]
    run = {trial["arm"] for trial in plan["trials"]}
    arms = [{key: value for key, value in arm.items() if key != "summary"} for arm in suite["arms"]]
    case = {
        "suite": suite["name"],
        "version": suite["version"],
        "scale": suite["scales"][plan["scale"]],
        "seed": plan["seed"],
        "arms": [arm for arm in arms if arm["name"] in run],
    }
    return hash_of_version_2({"case": case, "context": manifest["context"]})


def hash_of_version_2(facts: Any) -> str:
    """Return the SHA-256 of facts as versions 1 and 2 compute it, a declaration's too."""
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


RESTORE = "Restore it from a copy."


def version_of(facts: Any, where: str, remedy: str = RESTORE) -> int:
    """Return the version of a file's facts.

    Args:
        facts: What its JSON holds.
        where: The file, with its line where it has several, for the message.
        remedy: What to do about a damaged one.

    Raises:
        DiptychError: It has none, one that no version ever had, or one of a newer Diptych.
    """
    version = facts.get("schema_version") if isinstance(facts, dict) else None
    if version is None:
        raise DiptychError(f"{where} is damaged: it has no schema_version, which every Diptych writes. {remedy}")
    if isinstance(version, bool) or not isinstance(version, int) or version < FIRST_VERSION:
        raise DiptychError(
            f"{where} is damaged: its schema_version is {version!r}; it must be an integer from {FIRST_VERSION} to "
            f"{SCHEMA_VERSION}. {remedy}"
        )
    if version > SCHEMA_VERSION:
        raise DiptychError(
            f"{where} has schema_version {version}; this Diptych reads up to {SCHEMA_VERSION}. Install the version "
            "that wrote it, or a newer one: pip install --upgrade diptych"
        )
    return version


def migrated(facts: Any, kind: Kind, where: str, remedy: str = RESTORE) -> Facts:
    """Return the facts of a file as the current version would have written them.

    Args:
        facts: What its JSON holds; left alone.
        kind: Of a manifest or of a trial record.
        where: The file, with its line where it has several, for the message.
        remedy: What to do about a damaged one.

    Raises:
        DiptychError: Its version is missing, nonsense or newer, or it is not what its version says.
    """
    version = version_of(facts, where, remedy)
    try:
        for number in range(version, SCHEMA_VERSION):
            step = STEPS[number]
            facts = step.manifest(facts) if kind == "manifest" else step.record(facts)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DiptychError(
            f"{where} is damaged: it is no {kind} of schema_version {version} "
            f"({type(error).__name__}: {error}). {remedy}"
        ) from error
    return dict(facts)
