"""``gemmconv demo``: the library at work on real images, step by step, with pictures."""

import argparse
import json
import time
from pathlib import Path

from gemmconv.backends import BACKENDS
from gemmconv.cli.demo import digits, filters, gradient, layers, orientations, pooling, stamps, strategies
from gemmconv.cli.demo.stage import Outcome, Stage, Step
from gemmconv.cli.failures import Failure, require

DESCRIPTION = (
    "Train a network on scikit-learn's handwritten digits and check its gradients, filter, pool and differentiate its "
    "sample photographs, time every strategy on both, and write pictures of it all into a folder. Exit code 1 when two "
    "computations of the same answer disagree."
)
STEPS = (
    Step("filters", "Blur and edges of a photograph", filters.run),
    Step("flip", "Convolution and cross-correlation", stamps.run),
    Step("orientations", "The direction of every edge", orientations.run),
    Step("pooling", "Max pooling and its winning units", pooling.run),
    Step("gradient", "The input gradient, computed twice", gradient.run),
    Step("strategies", "Every strategy on a photograph", strategies.run),
    Step("digits", "A network learns handwritten digits", digits.run),
    Step("layers", "Every strategy on the layers of that network", layers.run),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of ``gemmconv demo``."""
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("gemmconv-demo"),
        metavar="FOLDER",
        help="where pictures go (default: %(default)s)",
    )
    parser.add_argument(
        "--backend", choices=BACKENDS, help="who computes (default: cpu; reference is plain NumPy, slower)"
    )
    parser.add_argument(
        "--step", action="append", choices=[step.name for step in STEPS], help="only this step; may be given again"
    )
    parser.add_argument(
        "--epochs",
        type=int,
        metavar="N",
        help=f"how often the network sees all digits (default: {digits.EPOCHS}; {digits.REFERENCE_EPOCHS} with "
        "--backend reference)",
    )
    parser.add_argument("--json", action="store_true", help="print the figures for machines")


def run(arguments: argparse.Namespace) -> int:
    """Run the steps, and print their findings and the paths of the pictures."""
    require("demo", "matplotlib", "sklearn", "tqdm")
    if arguments.output.exists() and not arguments.output.is_dir():
        raise Failure(f"--output {arguments.output} is a file, and pictures go into a folder")
    if arguments.epochs is not None and arguments.epochs < 1:
        raise Failure(f"--epochs must be at least 1, not {arguments.epochs}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    stage = Stage(arguments.output, arguments.backend, arguments.epochs)
    outcomes = {}
    for step in STEPS:
        if arguments.step and step.name not in arguments.step:
            continue
        started = time.perf_counter()
        outcomes[step.name] = perform(step, stage)
        if not arguments.json:
            tell(step, outcomes[step.name], time.perf_counter() - started)
    if arguments.json:
        print(json.dumps(report(outcomes), indent=2))
    return 0 if all(outcome.passed for outcome in outcomes.values()) else 1


def perform(step: Step, stage: Stage) -> Outcome:
    """One step, drawn in the style of the demonstration."""
    import matplotlib

    from gemmconv.cli.demo.style import RC

    with matplotlib.rc_context(RC):  # type: ignore[arg-type, unused-ignore]
        return step.run(stage)


def tell(step: Step, outcome: Outcome, seconds: float) -> None:
    """Print what a step found."""
    print(f"{step.title}  ({seconds:.1f} s)")
    for line in outcome.lines:
        print(f"  {line}")
    for picture in outcome.pictures:
        print(f"  -> {picture.path}: {picture.shows}")
    print(flush=True)


def report(outcomes: dict[str, Outcome]) -> dict[str, object]:
    """The figures of all steps."""
    return {
        name: {
            "passed": outcome.passed,
            **outcome.figures,
            "pictures": [{"path": str(picture.path), "shows": picture.shows} for picture in outcome.pictures],
        }
        for name, outcome in outcomes.items()
    }
