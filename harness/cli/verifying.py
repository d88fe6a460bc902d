"""Verifying a run as a verb: the registry filled, the weights of this machine looked up."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.assets.locate import AbsentError, asset_sha256
from harness.cli.builtin import load_builtin
from harness.cli.listing import zoo_file, zoo_folder
from harness.cli.verbs import load_metrics
from harness.errors import DiptychError, UsageError
from harness.files import file_sha256, joined_sha256
from harness.registry import Registry
from harness.store.records import Manifest

if TYPE_CHECKING:
    from harness.run import ProgressEvent
    from harness.verify.facts import Notes, Verification


def verify_run(
    run: str,
    *,
    rerun: int = 0,
    across_contexts: bool = False,
    results: str | None = None,
    progress: Callable[[ProgressEvent], None] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Verification:
    """Check that a run is still what it was, and run some of its blocks again.

    Args:
        run: Path of a run's folder, or a unique prefix of its id.
        rerun: How many whole blocks to run again, spread evenly; 0 for none.
        across_contexts: Run again although machine, versions or weights are not those of the run.
        results: Where runs are kept.
        progress: Told of every trial that is run again.
        tell: Told what is being done, one line each.

    Returns:
        What was found; ``ok`` is False if there is a problem.

    Raises:
        UsageError: No such run, or a negative number of blocks.
    """
    from harness.store.locate import find_run, results_root
    from harness.verify.verify import verify

    if rerun < 0:
        raise UsageError(f"the number of blocks to run again must be at least 0, not {rerun}. Try: --rerun 2")
    registry = load_builtin()
    return verify(
        find_run(run, results_root(results)),
        load_metrics(),
        registry,
        lambda manifest, notes: check_weights(manifest, registry, notes),
        blocks=rerun,
        progress=progress,
        across_contexts=across_contexts,
        tell=tell,
    )


def check_weights(manifest: Manifest, registry: Registry, notes: Notes) -> None:
    """Note every weight file whose recorded SHA-256 is not that of the file on this machine; torch is not needed."""
    named = dict(recorded_files(manifest.context, registry, notes))
    anonymous = set(recorded_hashes(manifest.context.get("extractors") or {})) - set(named.values())
    assets = dict(manifest.context.get("assets") or {})
    if not named and not anonymous and not assets:
        notes.skip("weights", "the run's context names no weight file")
        return
    for files, recorded in sorted(named.items()):
        name = " and ".join(files)
        try:
            paths = [weight_file(file, registry) for file in files]
        except DiptychError as error:
            notes.problem("weights", name, str(error))
            continue
        here_all = [path for path in paths if path is not None]
        if len(here_all) < len(paths):
            notes.problem("weights", name, f"not on this machine; recorded is SHA-256 {recorded}")
            continue
        present = joined_sha256([file_sha256(path) for path in here_all])
        _compare(name, recorded, present, notes, f" ({', '.join(map(str, here_all))})")
    folder = zoo_folder()
    here = {file_sha256(path) for path in folder.glob("*.safetensors")} if anonymous and folder else set()
    here |= found_elsewhere(registry) if anonymous - here else set()
    for recorded in sorted(anonymous - here):
        notes.problem("weights", "extractor", f"no weight file of this machine has the recorded SHA-256 {recorded}")
    notes.count("weights", len(anonymous & here))
    for name, recorded in sorted(assets.items()):
        try:
            present = asset_sha256(name, registry)
        except AbsentError as error:
            notes.skip("weights", str(error))
            continue
        except DiptychError as error:
            notes.problem("weights", name, str(error))
            continue
        _compare(name, recorded, present, notes)


def _compare(name: str, recorded: str, present: str, notes: Notes, where: str = "") -> None:
    notes.count("weights")
    if present != recorded:
        notes.problem("weights", name, f"recorded is SHA-256 {recorded}, present is {present}{where}")


def found_elsewhere(registry: Registry) -> set[str]:
    """SHA-256 of the assets that are here (cache, mirrors), and of the file that ``DIPTYCH_I3D`` names."""
    found: set[str] = set()
    for entry in registry.list("asset"):
        with contextlib.suppress(DiptychError):
            found.add(asset_sha256(entry.name, registry))
    named = Path(os.environ.get("DIPTYCH_I3D", ""))
    return found | ({file_sha256(named)} if named.is_file() else set())


def recorded_files(
    context: Mapping[str, Any], registry: Registry, notes: Notes
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield file names and recorded SHA-256 of all weights that the makers' context names.

    ``tokenizers_sha256`` is by file; ``weights_sha256`` by registered model, whose card names the file, and where an
    arm asks for a finetune by ``MODEL FINETUNE``: both files then have one digest
    (:func:`harness.files.joined_sha256`).
    """
    for maker in (context.get("makers") or {}).values():
        if not isinstance(maker, dict):
            continue
        for name, digest in (maker.get("tokenizers_sha256") or {}).items():
            yield (name,), digest
        for key, digest in (maker.get("weights_sha256") or {}).items():
            model, _, finetune = key.partition(" ")
            try:
                card = registry.get("model", model)
            except (DiptychError, ImportError, AttributeError) as error:
                notes.problem("weights", model, f"its card cannot be read: {error}")
                continue
            file, finetunes = getattr(card, "weights", None), getattr(card, "finetunes", {})
            if finetune and finetune not in finetunes:
                notes.problem("weights", key, f"the card of {model} has no finetune {finetune!r}")
            elif file is None:
                notes.skip("weights", f"{model} has random weights, which are no file; a rerun draws and hashes them")
            else:
                yield (file, finetunes[finetune]) if finetune else (file,), digest


def recorded_hashes(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield every value of a key ``…sha256`` in nested facts."""
    for key, value in facts.items():
        if isinstance(value, dict):
            yield from recorded_hashes(value)
        elif key.endswith("sha256") and isinstance(value, str):
            yield value


def weight_file(name: str, registry: Registry) -> Path | None:
    """Return a weight file of the zoo by its name, or any path that exists, or None.

    Raises:
        DiptychError: It ships packed, and is damaged, or the cache cannot be written.
    """
    found = zoo_file(name, registry)
    return Path(name) if found is None and Path(name).is_file() else found
