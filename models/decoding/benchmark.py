"""``diptych bench decoding``: the engine against ``transformers``, against what the device allows, and order by order.

Published shapes with random weights, one forced token stream for all: nothing here is about quality. Everything that is
compared is timed in interleaved rounds of one process, with one thread on a CPU; a time is the median of its rounds.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import torch
from torch import Tensor

from harness.benches.rows import BenchRow, row
from harness.ceilings import Ceilings, measure_ceilings
from harness.clock import Stopwatch
from harness.device import Device, reproducible
from harness.memory import PeakMemory, give_back_memory
from harness.registry import REGISTRY
from models.ar.prepared import PreparedTransformer
from models.ar.shapes import TransformerShape
from models.ar.transformer import VideoTransformer
from models.decoding.bound import bound_seconds, interpolated, pass_costs
from models.decoding.engine import Engine
from models.decoding.grid import Grid
from models.decoding.rival import Llama
from models.decoding.sampling import Sampler
from models.decoding.schedule import get_schedule
from models.decoding.tables import Tables, compile_schedule

SEQUENTIAL_OVER_EAGER = 1.2
DIAGONAL_OVER_PREDICTED = 0.85
WIDTHS = (1, 2, 4, 8, 16, 32, 128, 512)
ORDERS = (("sequential", 1), ("diagonal", 1), ("diagonal", 2), ("diagonal", 4), ("diagonal-st", 2))
RIVALS = {"dynamic": "dynamic cache, eager", "static": "static cache, eager", "compiled": "static cache, compiled"}
EAGER = ("dynamic", "static")
ABSENT = "transformers is not installed: pip install 'diptych[test]'"


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes:
        name: Of the rows.
        shape: The transformer.
        grid: One prompt frame, and how many are decoded.
        dtype: ``"float32"``, ``"bfloat16"`` or ``"float16"``.
        bound_target: Least share of the bound that sequential decoding should reach, or None.
        rivals: Ways of ``transformers`` to hold against.
        orders: Schedules and row delays, sequential first.
        spatial_temporal_target: Least speed-up of the spatial+temporal order, or None.
    """

    name: str
    shape: TransformerShape
    grid: Grid
    dtype: str
    bound_target: float | None
    rivals: tuple[str, ...] = ("dynamic", "static", "compiled")
    orders: tuple[tuple[str, int], ...] = ORDERS
    spatial_temporal_target: float | None = None


def subjects(device: str, quick: bool) -> list[Subject]:
    """The subjects of a device."""
    if quick:
        small = Grid(frames=2, rows=4, columns=8, actions=1)
        return [Subject("101M float32", shape_of("llama-like-101m-random"), small, "float32", None, EAGER)]
    mineworld = Grid(frames=1 if device == "cpu" else 15, rows=14, columns=24, actions=11)
    if device == "cpu":
        shape = shape_of("mineworld-300m-16f")
        return [
            Subject("MineWorld 300M float32", shape, mineworld, "float32", 0.5),
            Subject("MineWorld 300M bfloat16", shape, mineworld, "bfloat16", 0.5, EAGER),
        ]
    cosmos, orders = Grid(frames=3, rows=40, columns=64, prompt_frames=2), (("sequential", 1), ("diagonal-st", 1))
    two = replace(mineworld, frames=2)  # eager, theirs takes minutes for 15
    return [
        Subject("MineWorld 300M bfloat16, 2 frames", shape_of("mineworld-300m-16f"), two, "bfloat16", None),
        Subject("MineWorld 300M bfloat16", shape_of("mineworld-300m-16f"), mineworld, "bfloat16", None, ()),
        Subject("MineWorld 700M bfloat16", shape_of("mineworld-700m-16f"), mineworld, "bfloat16", 0.45, ()),
        Subject("MineWorld 1.2B bfloat16", shape_of("mineworld-1.2b-16f"), mineworld, "bfloat16", 0.6, ()),
        Subject("Cosmos-like 4B bfloat16", shape_of("cosmos-like-4b"), cosmos, "bfloat16", 0.6, (), orders, 10.0),
    ]


def shape_of(model: str) -> TransformerShape:
    """The shape of a registered model."""
    shape: TransformerShape = REGISTRY.get("model", model).shape
    return shape


def bench_decoding(*, quick: bool, seed: int, tell: Callable[[str], None]) -> Iterable[BenchRow]:
    """Measure the engine; see :class:`harness.benches.rows.Bench`."""
    device = Device("cuda", 0) if torch.cuda.is_available() else Device("cpu")
    for subject in subjects(device.kind, quick):
        with reproducible(device, threads=1):
            for found in measure_subject(subject, str(device), seed, 2 if quick else 3, tell):
                tell(said(found))  # what is measured is not lost with a bench that is stopped
                yield found


def said(found: BenchRow) -> str:
    """A row as one line."""
    value = "absent" if found.value is None else f"{found.value:.4g} {found.unit}"
    ratio = "" if found.ratio is None else f", ×{found.ratio:.3f} of {found.reference:.4g}"
    return f"{found.name}: {value}{ratio}" + (f" ({found.reason})" if found.reason else "")


def measure_subject(
    subject: Subject, device: str, seed: int, rounds: int, tell: Callable[[str], None]
) -> Iterator[BenchRow]:
    """The rows of one subject."""
    tell(f"{subject.name}: drawing weights")
    dtype = getattr(torch, subject.dtype)
    with torch.device("meta"):
        module = VideoTransformer(subject.shape)
    module = module.to_empty(device=device).reset(torch.Generator(device=device).manual_seed(seed))
    module = module.to(dtype).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    grid, vocabulary = subject.grid, subject.shape.image_vocabulary
    given = torch.randint(vocabulary, (1, grid.slots), generator=generator)
    stream = torch.randint(vocabulary, (1, grid.frames, grid.frame_tokens), generator=generator)
    filled = given.clone()
    filled[:, torch.from_numpy(grid.token_slots())] = stream.flatten(1)
    rival = Llama(module, grid.slots) if subject.rivals and importlib.util.find_spec("transformers") else None
    give_back_memory()  # of the subject before: what is only kept for later use hides what this one needs
    with PeakMemory(device) as memory:
        engines = build_engines(subject, PreparedTransformer(module))
        sequential = engines["sequential"]
        sequential.prefill(given)
    calls: dict[str, Callable[[], object]] = {
        name: partial(engine.generate, given, [seed], forced=stream) for name, engine in engines.items()
    }
    sequence = filled[:, : grid.slots - 1].to(device)  # nothing follows the last token, so nobody feeds it
    for how in subject.rivals if rival is not None else ():
        assert rival is not None
        calls[how] = partial(torch.inference_mode()(rival.decode), sequence, grid.prompt_slots, how)
    calls["prefill"] = partial(sequential.prefill, given)
    reasons = dict.fromkeys(subject.rivals if rival is None else (), ABSENT)
    seconds = timed(calls, device, rounds, reasons, lambda text: tell(f"{subject.name}: {text}"))
    yield from rival_rows(subject, seconds, reasons)
    if rival is not None:
        yield agreement(subject, sequential, rival, given, stream, sequence, seed)
    tell(f"{subject.name}: what the device can do at best")
    weight_bytes = sequential.model.weight_bytes
    ceilings = measure_ceilings(device, WIDTHS, subject.dtype, buffer_bytes=min(weight_bytes, 2**28))
    yield from bound_rows(subject, engines, seconds, ceilings)
    yield row(f"{subject.name}: prefill of {grid.prompt_slots} tokens", median(seconds["prefill"]), "s")
    yield from capture_rows(subject, sequential)
    yield memory_row(subject, memory, weight_bytes + sequential.cache.bytes)


def build_engines(subject: Subject, model: PreparedTransformer) -> dict[str, Engine]:
    """An engine for every order; they take turns with one cache."""
    engines: dict[str, Engine] = {}
    for order, k in subject.orders:
        name = order if order == "sequential" else f"{order}-k{k}"
        cache = next(iter(engines.values())).cache if engines else None
        engines[name] = Engine(
            model, compile_schedule(subject.grid, get_schedule(order), k), Sampler(greedy=True), cache=cache
        )
    return engines


def timed(
    calls: dict[str, Callable[[], object]],
    device: str,
    rounds: int,
    reasons: dict[str, str],
    tell: Callable[[str], None],
) -> dict[str, list[float]]:
    """Seconds of every call in each of ``rounds`` interleaved rounds, after one that is not kept.

    A rival that cannot run is left out, with its reason in ``reasons``.
    """
    watch, seconds = Stopwatch(device), dict[str, list[float]]()
    for number in range(rounds + 1):
        tell(f"round {number} of {rounds}" if number else "first calls")
        for name, call in calls.items():
            if name in reasons:
                continue
            try:
                took = watch.measure(call, 1)[1][0]
            except Exception as error:
                if name not in RIVALS:
                    raise
                reasons[name] = f"it fails here: {type(error).__name__}: {str(error).splitlines()[0][:120]}"
                continue
            if number:
                seconds.setdefault(name, []).append(took)
    return seconds


def rival_rows(subject: Subject, seconds: dict[str, list[float]], reasons: dict[str, str]) -> Iterator[BenchRow]:
    """Tokens per second of sequential decoding, ours against the best that is measured of theirs."""
    tokens = subject.grid.tokens
    rates = {how: tokens / median(seconds[how]) for how in RIVALS if how in seconds}
    for how in subject.rivals:
        yield row(f"{subject.name}: transformers, {RIVALS[how]}", rates.get(how), "tokens/s", reason=reasons.get(how))
    mine = tokens / median(seconds["sequential"])
    eager = [rates[how] for how in ("dynamic", "static") if how in rates]
    yield row(
        f"{subject.name}: sequential, against the best eager one", mine, "tokens/s",
        reference=max(eager) if eager else None, target=SEQUENTIAL_OVER_EAGER if eager else None,
    )  # fmt: skip
    if "compiled" in rates:
        yield row(
            f"{subject.name}: sequential, against the compiled one", mine, "tokens/s", reference=rates["compiled"]
        )


def agreement(
    subject: Subject, engine: Engine, rival: Llama, given: Tensor, stream: Tensor, sequence: Tensor, seed: int
) -> BenchRow:
    """The largest difference of the last token's logits, over their scale."""
    logits = engine.generate(given, [seed], forced=stream, trace=True).logits
    assert logits is not None
    with torch.inference_mode():
        theirs = rival.decode(sequence, subject.grid.prompt_slots, "dynamic")[: subject.shape.image_vocabulary]
    difference = (logits[0, -1].float() - theirs.float()).abs().max() / theirs.float().abs().max()
    target = 1e-4 if subject.dtype == "float32" else None
    name = f"{subject.name}: last logits against transformers"
    return row(name, float(difference), "of scale", target=target, better="lower")


def bound_rows(
    subject: Subject, engines: dict[str, Engine], seconds: dict[str, list[float]], ceilings: Ceilings
) -> Iterator[BenchRow]:
    """Share of the bound, and speed-ups against those that the bound predicts."""
    element, peaks = getattr(torch, subject.dtype).itemsize, interpolated(ceilings.flops_per_second)

    def bound(tables: Tables) -> float:
        costs = pass_costs(subject.shape, tables, element)
        return bound_seconds(costs, ceilings.bandwidth_bytes_per_second, peaks)

    first = engines["sequential"].tables
    least, took = bound(first), median(seconds["sequential"])
    why = f"{took / first.passes * 1e3:.2f} ms a pass; {ceilings.bandwidth_bytes_per_second / 1e9:.1f} GB/s at best"
    name = f"{subject.name}: sequential, share of its bound"
    yield row(name, least / took, "fraction", target=subject.bound_target, reason=why)
    for name, engine in list(engines.items())[1:]:
        now, passes = median(seconds[name]), engine.tables.passes
        fewer = f"{passes} passes for {first.passes} (×{first.passes / passes:.2f})"
        yield row(
            f"{subject.name}: {name}, speed-up against the predicted one", took / now, "×",
            reference=least / bound(engine.tables), target=DIAGONAL_OVER_PREDICTED,
            reason=f"{fewer}, {now / passes * 1e3:.2f} ms each",
        )  # fmt: skip
        if subject.spatial_temporal_target and name.startswith("diagonal-st"):
            yield row(f"{subject.name}: {name}, speed-up", took / now, "×", target=subject.spatial_temporal_target)


def capture_rows(subject: Subject, engine: Engine) -> Iterator[BenchRow]:
    """What capturing graphs took; nothing on a CPU, which captures none."""
    facts = engine.capture(forced=True)
    why = None if facts.graphs else "graphs are captured on CUDA"
    yield row(f"{subject.name}: capture", facts.seconds if facts.graphs else None, "s", reason=why)
    if facts.graphs:
        yield row(f"{subject.name}: graphs", facts.graphs, "graphs", target=32, better="lower")
        yield row(f"{subject.name}: graphs' memory", facts.pool_bytes, "bytes")


def memory_row(subject: Subject, memory: PeakMemory, expected: int) -> BenchRow:
    """Peak of preparing and the prefill beside the module's own weights, against weights and cache in closed form."""
    name = f"{subject.name}: memory, against weights and cache"
    if memory.bytes is None or memory.start_bytes is None:
        return row(name, None, "bytes", reason=memory.method)
    return row(name, memory.bytes - memory.start_bytes, "bytes", reference=expected, target=1.25, better="lower")
