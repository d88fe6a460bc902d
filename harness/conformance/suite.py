"""Laws of suites: everything it names exists, every arm can run every case, and seeds know nothing of arms."""

from __future__ import annotations

from harness.assets.locate import AbsentError
from harness.conformance.laws import Component, Law, does_not_apply, require
from harness.declaration import check_declaration, judged_metrics
from harness.errors import DiptychError
from harness.plan import make_plan
from harness.protocols import Maker
from harness.types import Suite

SMALLEST = "smoke"
LEAST_WORDS = 3


def _declared(component: Component) -> str:
    suite = component.thing
    require(isinstance(suite, Suite), f"it is a {type(suite).__name__}, not a harness.types.Suite")
    check_declaration(suite, component.registry)
    return f"{len(suite.arms)} arms against {suite.baseline!r}, {len(judged_metrics(suite))} metrics"


def _scales(component: Component) -> str:
    suite: Suite = component.thing
    wrong = [f"{name!r} calls itself {scale.name!r}" for name, scale in suite.scales.items() if scale.name != name]
    require(not wrong, f"scale {'; '.join(wrong)}")
    require(SMALLEST in suite.scales, f"there is no scale {SMALLEST!r}, which `diptych run` takes by default")
    return ", ".join(f"{name} {len(scale.cases)} cases" for name, scale in suite.scales.items())


def _reasons(component: Component) -> str:
    suite: Suite = component.thing
    require(suite.version >= 1, f"version is {suite.version}; it begins with 1")
    require(len(suite.margin_why.split()) >= LEAST_WORDS, f"margin {suite.margin} is not justified (margin_why)")
    silent = [threshold.metric for threshold in suite.thresholds if not threshold.why.strip()]
    require(not silent, f"thresholds without a why: {', '.join(silent)}")
    require(bool(suite.question.strip()), "it asks no question")
    return f"version {suite.version}; margin {suite.margin} of {suite.primary_quality}: {suite.margin_why}"


def _seeds(component: Component) -> str:
    suite: Suite = component.thing
    shifted = [arm.name for arm in suite.arms if arm.seed_shift]
    require(suite.placebo or not shifted, f"only a placebo shifts seeds, and {', '.join(shifted)} does")
    for name in suite.scales:
        whole = make_plan(suite, name, seed=3)
        seeds: dict[object, set[int]] = {}
        for trial in whole.trials:
            seeds.setdefault(trial.block, set()).add(trial.seed - suite.arm(trial.arm).seed_shift)
        require(all(len(of_block) == 1 for of_block in seeds.values()), f"arms of one block differ in seed ({name})")
        require(len(whole.trials) == len(whole.blocks) * len(suite.arms), f"a block lacks an arm ({name})")
        other = next(arm.name for arm in suite.arms if arm.name != suite.baseline)
        part = {(t.block, t.arm): t.seed for t in make_plan(suite, name, 3, [suite.baseline, other]).trials}
        same = all(part.get((t.block, t.arm), t.seed) == t.seed for t in whole.trials)
        require(same, f"leaving arms out changes the seeds of the others ({name})")
    return "one seed per block, whatever arms are run"


def _runs(component: Component) -> str:
    suite: Suite = component.thing
    if SMALLEST not in suite.scales:
        does_not_apply(f"there is no scale {SMALLEST!r}")
    makers: dict[str, Maker] = {}
    cases = suite.scales[SMALLEST].cases
    for arm in suite.arms:
        if arm.maker not in makers:
            makers[arm.maker] = component.registry.get("maker", arm.maker)("cpu", 1)
        for case in cases:
            try:
                makers[arm.maker].check(arm, case)
            except AbsentError as error:
                does_not_apply(f"weights of arm {arm.name!r} are not on this machine: {error}")
            except DiptychError as error:
                error.args = (f"arm {arm.name!r} cannot run case {case.name!r}: {error}",)
                raise
    return f"{len(suite.arms)} arms × {len(cases)} cases of scale {SMALLEST!r}"


LAWS = (
    Law("names only what exists, and can be judged", _declared),
    Law("scales go by their names", _scales),
    Law("margin and thresholds have a reason", _reasons),
    Law("seeds know nothing of arms", _seeds),
    Law("every arm can run every case", _runs),
)
