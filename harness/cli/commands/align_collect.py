"""``diptych align collect``."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.collecting import DEFAULT_BATCH, DEFAULT_SCORE, collect_preferences
from harness.cli.options import common, names, not_empty
from harness.cli.output import Output, say
from harness.cli.preference_facts import PreferenceFacts
from harness.stats.sentences import count


@click.command("collect")
@click.option("--model", required=True, metavar="NAME", help="Registered text-to-video model.")
@click.option(
    "--prompts",
    required=True,
    metavar="K|FILE",
    help="How many captions of the model's world, or a text file with one prompt a line.",
)
@click.option("--videos", type=int, default=4, show_default=True, metavar="N", help="Videos of every prompt.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the collection.")
@click.option("--world-split", "split", default="train", show_default=True, help="Split that captions come from.")
@click.option("--weights", metavar="NAME|FILE", help="Aligned weights over the model's own.")
@click.option("--steps", type=int, metavar="N", help="Denoising steps [default: the model's].")
@click.option("--guidance", type=float, metavar="X", help="Classifier-free guidance scale [default: the model's].")
@click.option("--eta", type=float, default=0.0, show_default=True, help="Share of DDIM's noise that is drawn anew.")
@click.option(
    "--score", metavar="METRIC", default=DEFAULT_SCORE, show_default=True, help="What ranks videos; parts are kept."
)
@click.option("--metrics", metavar="A,B", help="Further metrics to keep.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the noise, at least 0.")
@click.option("--batch", type=int, default=DEFAULT_BATCH, show_default=True, help="Videos sampled at once.")
@click.option("--device", metavar="D", default="cpu", show_default=True, help="Torch device.")
@click.option("--threads", type=int, metavar="N", help="Torch's threads [default: $OMP_NUM_THREADS, or 1].")
@click.option("--resume", is_flag=True, help="Go on with a collection that was interrupted.")
@common
@click.pass_obj
def command(
    output: Output,
    /,
    model: str,
    prompts: str,
    videos: int,
    out: Path,
    split: str,
    weights: str | None,
    steps: int | None,
    guidance: float | None,
    eta: float,
    score: str,
    metrics: str | None,
    seed: int,
    batch: int,
    device: str,
    threads: int | None,
    resume: bool,
) -> None:
    """Collect preferences: N videos of every prompt from the model itself, scored, paired and weighed.

    Everything stays in one folder, which diptych align train reads and diptych figures videodpo draws.
    """
    not_empty(prompts, "--prompts")
    not_empty(str(out), "--out")
    facts = collect_preferences(
        model,
        prompts,
        out,
        videos=videos,
        split=split,
        weights=weights,
        steps=steps,
        guidance=guidance,
        eta=eta,
        score=score,
        metrics=names(metrics) or (),
        seed=seed,
        batch=batch,
        device=device,
        threads=threads,
        resume=resume,
    )
    tell(output, facts)


def tell(output: Output, facts: PreferenceFacts) -> None:
    """Say what pairs there are, and on stderr what a reader must know."""
    for note in facts.notes:
        say(f"note: {note}")
    output.emit(facts, lambda: _text(facts))


def _text(facts: PreferenceFacts) -> str:
    lines = [
        str(facts.pairs_path),
        f"{count(facts.pairs, 'pair')} of {count(facts.prompts, 'prompt')}, {count(facts.videos, 'video')}",
        *(f"left out: {number} × {reason}" for reason, number in facts.left_out.items()),
    ]
    if facts.missing_scores:
        lines.append(f"without a score: {count(facts.missing_scores, 'video')}")
    if facts.weights.maximum is not None:
        ess = facts.weights.effective_sample_size
        lines.append(f"weights: largest {facts.weights.maximum:.4g}, effective sample size {ess:.1f} of {facts.pairs}")
    return "\n".join(lines)
