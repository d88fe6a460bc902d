"""``diptych align pairs``."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.collecting import pair_preferences
from harness.cli.commands.align_collect import tell
from harness.cli.options import common
from harness.cli.output import Output


@click.command("pairs")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", required=True, metavar="NAME", help="Name of the file of pairs, such as alpha-0.")
@click.option(
    "--strategy",
    default="best-worst",
    show_default=True,
    help="best-worst, best-random, adjacent, or ranks: 01, 02+13.",
)
@click.option("--reading", default="paper", show_default=True, help="Reading of the weights.")
@click.option("--alpha", type=float, metavar="X", help="Exponent of the weights [default: the reading's].")
@click.option("--beta", metavar="X", help="mode, largest-pair, or a number above 0 [default: the reading's].")
@click.option("--normalisation", metavar="HOW", help="raw, mean or clip [default: the reading's].")
@click.option("--minimum-difference", type=float, default=0.0, show_default=True, help="Least difference of scores.")
@click.option("--percentile", type=float, default=0.0, show_default=True, help="Drop pairs of smaller difference.")
@click.option("--score", metavar="METRIC", help="A kept metric, quality or semantics [default: the collection's].")
@click.option("--videos", type=int, metavar="N", help="Only the first N videos of each prompt.")
@click.option("--fraction", type=float, default=1.0, show_default=True, help="Share of the prompts.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of best-random, and of the share.")
@common
@click.pass_obj
def command(
    output: Output,
    /,
    folder: Path,
    out: str,
    strategy: str,
    reading: str,
    alpha: float | None,
    beta: str | None,
    normalisation: str | None,
    minimum_difference: float,
    percentile: float,
    score: str | None,
    videos: int | None,
    fraction: float,
    seed: int,
) -> None:
    """Make other pairs of the collection in FOLDER: nothing is sampled or scored again."""
    facts = pair_preferences(
        folder,
        out,
        strategy=strategy,
        reading=reading,
        alpha=alpha,
        beta=beta,
        normalisation=normalisation,
        minimum_difference=minimum_difference,
        percentile=percentile,
        score=score,
        videos=videos,
        fraction=fraction,
        seed=seed,
    )
    tell(output, facts)
