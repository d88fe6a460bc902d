"""Whether a declared suite can be run and judged: looked at before the first trial, so no run ends in a mistake."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence

from pydantic import ValidationError

from harness.entry import resolve
from harness.errors import DiptychError
from harness.params import ParamModels, Params
from harness.problems import Place, Problem, ProblemsError, choice, problems_of
from harness.registry import Registry
from harness.types import Metric, Suite, Value


def judged_metrics(suite: Suite) -> tuple[str, ...]:
    """Names of the suite's metrics, in its order, the primary ones among them."""
    return tuple(dict.fromkeys((*suite.metrics, *suite.primaries)))


def check_suite(suite: Suite, metrics: Mapping[str, Metric]) -> None:
    """Refuse a suite whose findings could not be judged.

    Args:
        suite: The declaration.
        metrics: At least the suite's own metrics, by name.

    Raises:
        UsageError: It names a metric, or a negative control, that does not exist; its margin or a threshold is no size
            of a change, or its primary speed metric is no ratio. All problems are told.
    """
    problems = list(judging_problems(suite, metrics))
    if problems:
        raise ProblemsError(f"suite {suite.name!r}", problems)


def check_declaration(suite: Suite, registry: Registry) -> None:
    """Refuse a suite that names what does not exist, or whose findings could not be judged; imports no torch.

    Raises:
        UsageError: All that is wrong with it.
    """
    metrics = {entry.name: entry.load() for entry in registry.list("metric")}
    problems = [*naming_problems(suite, registry, {}), *judging_problems(suite, metrics)]
    if problems:
        raise ProblemsError(f"suite {suite.name!r}", problems)


def check_cases(suite: Suite) -> None:
    """Refuse a suite whose records could not be judged without knowing the scale that was run.

    Where it is known, there is one: :attr:`harness.store.records.Manifest.as_run`.

    Raises:
        UsageError: Two scales put a case of one name into different groups, or one of them declares it speed only.
    """
    seen: dict[str, tuple[str, tuple[str, bool]]] = {}
    for scale, declared in suite.scales.items():
        for number, case in enumerate(declared.cases):
            judged_by = (case.group, case.speed_only)
            other, facts = seen.setdefault(case.name, (scale, judged_by))
            if facts != judged_by:
                what = f"{case.name!r} has another group or speed_only in scale {other!r}; give it another name."
                raise ProblemsError(f"suite {suite.name!r}", [Problem(("scales", scale, "cases", number), what)])


def judging_problems(suite: Suite, metrics: Mapping[str, Metric]) -> Iterator[Problem]:
    """What stands in the way of judging a suite's findings; see :func:`check_suite`."""
    names = judged_metrics(suite)
    for place, name in (
        *((("metrics", i), name) for i, name in enumerate(suite.metrics)),
        (("primary_speed",), suite.primary_speed),
        (("primary_quality",), suite.primary_quality),
    ):
        if name is not None and name not in metrics:
            yield Problem(place, f"{choice(name, metrics, f'unknown metric {name!r}')} See: diptych list metrics")
    for name in names:
        lacking = [part for part in metrics[name].parts if part not in names] if name in metrics else []
        if lacking:
            what = f"the composite {name!r} is put together from what is recorded; add its parts {', '.join(lacking)}."
            yield Problem(("metrics",), what)
    if not (math.isfinite(suite.margin) and suite.margin > 0):
        yield Problem(("margin",), f"a non-inferiority margin is positive, not {suite.margin}.")
    for threshold in suite.thresholds:
        if threshold.metric not in names:
            yield Problem(("thresholds",), choice(threshold.metric, names, f"unknown metric {threshold.metric!r}"))
        if not (math.isfinite(threshold.tau) and threshold.tau >= 0):
            yield Problem(("thresholds",), f"that of {threshold.metric} is at least 0, not {threshold.tau}.")
    speed = metrics.get(suite.primary_speed or "")
    if speed is not None and speed.scale != "ratio":
        yield Problem(
            ("primary_speed",),
            f"the primary speed metric {suite.primary_speed!r} is not analysed as a ratio; name a rate or a time.",
        )
    judged = {threshold.metric for threshold in suite.thresholds}
    if suite.primary_speed is not None and suite.primary_speed not in judged:
        yield Problem(
            ("thresholds",),
            f"none for the primary speed metric {suite.primary_speed!r}: without one nothing is faster. "
            "Add one with metric, tau (such as 0.05) and why.",
        )
    others = [arm.name for arm in suite.arms if arm.name != suite.baseline]
    for field in ("win_rate_of", "held_out"):
        for i, name in enumerate(getattr(suite, field)):
            if name not in names:
                yield Problem((field, i), choice(name, names, f"unknown metric {name!r}"))
    judged_by = {threshold.metric for threshold in suite.thresholds} | {suite.primary_quality}
    for i, name in enumerate(suite.win_rate_of):
        if name in metrics and metrics[name].scale == "set":
            yield Problem(("win_rate_of", i), f"{name!r} is one number per set of clips; no block is won by it.")
    for name in suite.held_out:
        if name in names and name not in judged_by:
            what = f"none for the held-out {name!r}: without one it would never regress."
            yield Problem(("thresholds",), f"{what} Add one with metric, tau and why.")
    if suite.training_score is not None and suite.training_score not in names:
        what = choice(suite.training_score, names, f"unknown metric {suite.training_score!r}")
        yield Problem(("training_score",), what)
    if suite.training_score in suite.held_out:
        yield Problem(("held_out",), f"{suite.training_score!r} chose what was trained on; it cannot be held out.")
    for i, method in enumerate(suite.methods):
        if not any(re.fullmatch(rf"{re.escape(method)}-s\d+", arm) for arm in others):
            yield Problem(("methods", i), f"no arm is called {method}-s0, {method}-s1 and so on.")
    for i, expected in enumerate(suite.expectations):
        for name, known in ((expected.arm, others), (expected.worse_than, others), (expected.metric, names)):
            if name is not None and name not in known:
                yield Problem(("expectations", i), choice(name, known, f"unknown name {name!r}"))
        if (expected.verdict is None) == (expected.worse_than is None):
            yield Problem(("expectations", i), "expects either a verdict or to be worse than another arm.")
    control = suite.negative_control
    if control is not None and control not in others:
        what = choice(control, others, f"unknown negative control {control!r}")
        yield Problem(("negative_control",), f"{what} Add that arm; in a file, negative_control = false is none.")


def naming_problems(suite: Suite, registry: Registry, origins: Mapping[tuple[str, int], Place]) -> Iterator[Problem]:
    """What a suite names that does not exist, names twice, or says to a maker that has no use for it.

    Args:
        suite: The declaration.
        registry: What exists.
        origins: Where the number of a case in a scale stands, if not at ``scales.NAME.cases[number]``.
    """
    names = [arm.name for arm in suite.arms]
    for i, arm in enumerate(suite.arms):
        if arm.name in names[:i]:
            yield Problem(("arms", i, "name"), f"{arm.name!r} is the name of another arm already.")
        yield from _unknown(registry, "maker", arm.maker, ("arms", i, "maker"))
        models = param_models(registry, arm.maker)
        if models is not None:
            yield from _params(models.arm, arm.params, ("arms", i, "params"))
    if suite.baseline not in names:
        yield Problem(("baseline",), choice(suite.baseline, names, f"unknown arm {suite.baseline!r}"))
    if len(names) < 2:
        yield Problem(("arms",), "one arm makes no pair; declare at least two.")
    if not suite.scales:
        yield Problem(("scales",), "there is none; declare at least one, such as [scales.smoke].")
    found = {name: param_models(registry, name) for name in sorted({arm.maker for arm in suite.arms})}
    makers = [models for models in found.values() if models is not None]
    needing = [name for name, models in found.items() if models is None or models.needs_model]
    for scale, declared in suite.scales.items():
        if not declared.cases:
            yield Problem(("scales", scale), "has no case; declare cases or cases_of.")
        seen: set[str] = set()
        told: set[Place] = set()
        for number, case in enumerate(declared.cases):
            place = origins.get((scale, number), ("scales", scale, "cases", number))
            problems = [] if place in told else list(_model(registry, case.model, needing, (*place, "model")))
            if case.name in seen:
                problems.append(
                    Problem(place, f"case {case.name!r} is there already; give these another group or name.")
                )
            for models in makers:
                problems += _params(models.case, case.params, (*place, "params"))
            seen.add(case.name)
            if problems and place not in told:  # one table of cases is told of once
                told.add(place)
                yield from dict.fromkeys(problems)


def _unknown(registry: Registry, kind: str, name: str, place: Place) -> Iterator[Problem]:
    try:
        registry.entry(kind, name)
    except DiptychError as error:
        yield Problem(place, str(error))


def _model(registry: Registry, name: str, needed_by: Sequence[str], place: Place) -> Iterator[Problem]:
    """What is wrong with a case's model; a case may name none where no maker needs one."""
    if name:
        yield from _unknown(registry, "model", name, place)
    elif needed_by:
        yield Problem(place, f"is missing; maker {needed_by[0]!r} needs one. See: diptych list models")


def _params(model: type[Params], params: Mapping[str, Value], place: Place) -> list[Problem]:
    try:
        model.model_validate({name: value for name, value in params.items() if value is not None})
    except ValidationError as error:
        return problems_of(error, model, place)
    return []


def param_models(registry: Registry, maker: str) -> ParamModels | None:
    """The parameters that a maker declares (no torch is imported for it), or None where it declares none."""
    try:
        home = registry.entry("maker", maker).params
    except DiptychError:
        return None
    if home is None:
        return None
    found: ParamModels = resolve(home)
    return found
