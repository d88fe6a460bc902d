"""Collecting preferences as verbs: what is asked is checked before torch is imported and before a model is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from harness.absent import missing_assets, missing_packages
from harness.cli.builtin import load_builtin, reach
from harness.cli.preference_facts import PreferenceFacts, preference_facts
from harness.cli.running import default_threads, stop_on_sigterm
from harness.cli.scoring import video_metric
from harness.device import Device, parse_device, reproducible, thread_count
from harness.errors import StoppedError, UsageError

if TYPE_CHECKING:
    from harness.scoring.scorer import MetricScorer

DEFAULT_SCORE = "omniscore[light-crafter-pairing]"
DEFAULT_BATCH = 16


def collect_preferences(
    model: str,
    prompts: str | int,
    out: Path,
    *,
    videos: int = 4,
    split: str = "train",
    weights: str | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    eta: float = 0.0,
    score: str = DEFAULT_SCORE,
    metrics: Sequence[str] = (),
    seed: int = 0,
    batch: int = DEFAULT_BATCH,
    device: str = "cpu",
    threads: int | None = None,
    resume: bool = False,
) -> PreferenceFacts:
    """Sample N videos of every prompt from a text-to-video model, score them, and pair best with worst.

    Args:
        model: Registered text-to-video model.
        prompts: How many captions of the model's world, or a text file with one prompt a line.
        out: Folder of the collection.
        videos: Videos of every prompt, N, at least 2.
        split: Split of the world that captions come from.
        weights: Aligned weights over the model's own: one of its names, or a file.
        steps: Denoising steps; the model's if None.
        guidance: Classifier-free guidance scale; the model's if None.
        eta: DDIM's η.
        score: Metric that ranks videos; of a composite every part is kept, too.
        metrics: Further metrics to keep.
        seed: Of the noise, at least 0.
        batch: Videos sampled at once.
        device: Torch device.
        threads: Torch's threads; ``OMP_NUM_THREADS``, or 1, if None.
        resume: Go on in a folder that is there.

    Raises:
        UsageError: A name, number or prompt that cannot be, or other options than the collection's.
        DiptychError: A collection that is there already, or is none to go on with.
        StoppedError: The user stopped it; what was made is kept.
    """
    registry = load_builtin()
    check_counts: Any = reach("models.alignment.collection:check_counts")
    check_counts(videos, seed)
    if batch < 1:
        raise UsageError(f"the batch must be an integer of at least 1, not {batch}. Try: --batch {DEFAULT_BATCH}")
    where = parse_device(device)
    card = registry.get("model", model)
    if not isinstance(card, text_video_card()):
        names = [entry.name for entry in registry.list("model") if isinstance(entry.load(), text_video_card())]
        raise UsageError(f"model {model!r} makes no videos from text. Valid: {', '.join(names) or 'none'}.")
    chosen = make_scorer(score, metrics, card.world)
    asked = _prompts(prompts, card, split)
    try:
        with stop_on_sigterm(), reproducible(where, thread_count(default_threads() if threads is None else threads)):
            loaded = load_model(model, str(where), weights)
            plan = _plan(card, loaded, asked, chosen, where, weights=weights, videos=videos, seed=seed)(
                steps=card.steps if steps is None else steps,
                guidance=card.guidance if guidance is None else guidance,
                eta=eta,
                batch=batch,
            )
            collect: Any = reach("models.alignment.collection:collect")
            found = collect(out, loaded, asked, chosen, plan, resume=resume)
    except KeyboardInterrupt as error:
        raise StoppedError(f"stopped; {_kept(out, videos)}. Go on with the same command and --resume.") from error
    return preference_facts(out, "pairs", found)


def pair_preferences(
    folder: Path,
    out: str,
    *,
    strategy: str = "best-worst",
    reading: str = "paper",
    alpha: float | None = None,
    beta: str | None = None,
    normalisation: str | None = None,
    minimum_difference: float = 0.0,
    percentile: float = 0.0,
    score: str | None = None,
    videos: int | None = None,
    fraction: float = 1.0,
    seed: int = 0,
) -> PreferenceFacts:
    """Make other pairs of a finished collection; nothing is sampled or scored again.

    Args:
        folder: The collection.
        out: Name of the file of pairs, without its suffix.
        strategy: ``"best-worst"``, ``"best-random"``, ``"adjacent"``, or ranks such as ``"01"``.
        reading: Named reading of the weights; the other options change it.
        alpha: Exponent of the weights.
        beta: ``"mode"``, ``"largest-pair"``, or a number above 0.
        normalisation: ``"raw"``, ``"mean"`` or ``"clip"``.
        minimum_difference: Least difference of scores.
        percentile: Pairs below this percentile of all differences are dropped.
        score: What ranks videos: a kept metric, ``"quality"`` or ``"semantics"``; the collection's if None.
        videos: Only the first this many of each prompt; all if None.
        fraction: Share of the prompts.
        seed: Of ``"best-random"``, and of which prompts belong to the share.

    Raises:
        UsageError: No such collection, name or number.
        DiptychError: The collection is unfinished, damaged or changed.
    """
    load_builtin()
    finished: Any = reach("models.alignment.files:finished_collection")
    defaults: Any = reach("models.alignment.pairing:default_options")
    make: Any = reach("models.alignment.pairing:make_pair_file")
    named: Any = reach("models.alignment.weights:reading")
    options = defaults(finished(folder).plan).model_dump()
    changes = {"alpha": alpha, "beta": _beta(beta), "normalisation": normalisation}
    options |= {
        "strategy": strategy,
        "reading": reading,
        "weights": named(reading).model_dump() | {name: v for name, v in changes.items() if v is not None},
        "keep": {"minimum": minimum_difference, "percentile": percentile},
        "fraction": fraction,
        "seed": seed,
    }
    options |= {name: value for name, value in (("score", score), ("videos", videos)) if value is not None}
    kind: Any = reach("models.alignment.artefact:PairOptions")
    try:
        checked = kind(**options)
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][1] if len(first["loc"]) > 1 else first["loc"][0]).replace("_", "-")
        option = {"minimum": "minimum-difference"}.get(option, option)
        raise UsageError(f"--{option}: {first['msg'].lower()}, not {first['input']!r}.") from error
    return preference_facts(folder, out, make(folder, checked, out))


def text_video_card() -> Any:
    """The class of a registered text-to-video model."""
    return reach("models.zoo.cards:TextVideoModel")


def load_model(name: str, device: str, weights: str | None) -> Any:
    """The model itself, on its device."""
    load: Any = reach("models.diffusion.text_video:load_text_video")
    return load(name, device, weights=weights)


def make_scorer(score: str, others: Sequence[str], world: str | None) -> MetricScorer:
    """What scores videos: a metric with its parts, and further ones.

    Raises:
        UsageError: Unknown metrics, or ones that need a reference, a set of videos, another world, packages or weights
            that are not here.
    """
    from harness.scoring.scorer import MetricScorer, with_parts

    known = {entry.name: entry for entry in load_builtin().list("metric")}
    asked = list(dict.fromkeys((score, *others)))
    found = {name: video_metric(name, known) for name in asked}
    found |= {part: known[part].load() for metric in list(found.values()) for part in metric.parts}
    for name in asked:
        metric = found[name]
        if metric.scale == "set":
            raise UsageError(f"metric {name!r} compares sets of videos, and ranks no single one. Try: {DEFAULT_SCORE}")
        if "reference" in metric.needs:
            raise UsageError(f"metric {name!r} needs a true continuation, which prompts have not. Try: {DEFAULT_SCORE}")
        if metric.worlds and world not in metric.worlds:
            raise UsageError(f"metric {name!r} is for videos of {', '.join(metric.worlds)}; the model makes {world}.")
        lacking = missing_packages(metric) or missing_assets(metric)
        if lacking:
            raise UsageError(f"metric {name!r} cannot be computed here: {lacking}")
    return MetricScorer(score, with_parts(asked, found))


def _prompts(prompts: str | int, card: Any, split: str) -> Any:
    text = str(prompts).strip()
    if text.lstrip("+-").isdecimal():
        from_world: Any = reach("models.alignment.prompts:world_prompts")
        return from_world(card.world, split, int(text), card.frames)
    from_file: Any = reach("models.alignment.prompts:read_prompt_file")
    return from_file(Path(text).expanduser(), card.world)


def _plan(card: Any, loaded: Any, asked: Any, scorer: MetricScorer, where: Device, **counts: Any) -> Any:
    """Return a function from sampling options to the plan."""
    plan: Any = reach("models.alignment.artefact:CollectionPlan")
    sampling: Any = reach("models.alignment.artefact:Sampling")

    def made(**how: Any) -> Any:
        import torch

        try:
            chosen = sampling(**how, device=str(where), threads=torch.get_num_threads())
        except ValidationError as error:
            first = error.errors()[0]
            raise UsageError(f"--{first['loc'][0]}: {first['msg'].lower()}, not {first['input']!r}.") from error
        weights = counts["weights"]
        return plan(
            model=card.name,
            weights=None if weights is None else Path(weights).name,
            weights_sha256=loaded.weights_sha256,
            aligned_sha256=getattr(loaded, "aligned_sha256", None),
            prompts=asked.facts,
            videos=counts["videos"],
            seed=counts["seed"],
            sampling=chosen,
            score=scorer.score,
            metrics=tuple(scorer.metrics),
            scoring=scorer.facts,
        )

    return made


def _beta(text: str | None) -> float | str | None:
    if text is None or text in ("mode", "largest-pair"):
        return text
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"--beta takes 'mode', 'largest-pair' or a number above 0, not {text!r}.") from None


def _kept(folder: Path, videos: int) -> str:
    file = folder / "videos.jsonl"
    rows = file.read_bytes().count(b"\n") if file.is_file() else 0
    return f"the videos of {rows // videos} prompts are kept in {folder}"
