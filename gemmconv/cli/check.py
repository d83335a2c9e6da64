"""``gemmconv check``: every strategy and backend compared with an independent computation, on this machine.

For each problem, pass, dtype and layout the answer is compared with `judge.exact`, and its differences with
``plan.error_bound * (|x| conv |w|)`` of the same output. Outputs are filled with NaN first, so that a cell that is not
written is noticed.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

import numpy as np

import gemmconv
from gemmconv import _core
from gemmconv.annotations import Array
from gemmconv.backends import BACKENDS
from gemmconv.cli.check_arrays import ArrayFinding, compare, operations
from gemmconv.cli.check_problems import PROBLEMS
from gemmconv.cli.failures import Failure
from gemmconv.cli.judge import exact
from gemmconv.cli.problems import LAYOUTS, PASSES, Problem, channels_second, in_layout
from gemmconv.cli.progress import progress_bar
from gemmconv.cli.table import text_table

DESCRIPTION = (
    "Compare every strategy and backend, in every pass, dtype and layout, with an independent reference in extended "
    "precision, and their differences with the promised error bounds. Exit code 1 when a bound is exceeded."
)
DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Contender:
    """A strategy of a backend, to be checked."""

    backend: str
    strategy: str

    @property
    def name(self) -> str:
        """Its name in the tables."""
        return self.strategy if self.backend == "cpu" else self.backend


@dataclass(frozen=True)
class Finding:
    """The outcome of one contender on one pass, dtype and layout, over all problems."""

    contender: str
    pass_: str
    dtype: str
    layout: str
    problems: int = 0  # done
    refused: int = 0
    reason: str = ""  # why the first one was refused
    largest_difference: float = 0.0
    share_of_bound: float = 0.0  # largest difference / its bound
    worst_problem: str = ""

    @property
    def exceeded(self) -> bool:
        """Whether a bound was exceeded (a NaN exceeds every bound)."""
        return self.problems > 0 and not self.share_of_bound <= 1


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of ``gemmconv check``."""
    only = "only this strategy, or variant (implicit/bands); may be given again"
    parser.add_argument("--strategy", action="append", metavar="NAME", help=only)
    parser.add_argument("--problem", action="append", metavar="NAME", help="only this problem; may be given again")
    parser.add_argument("--threads", type=int, metavar="N", help="threads for each call (default: the library's own)")
    parser.add_argument("--deterministic", action="store_true", help="check with deterministic=True")
    parser.add_argument("--json", action="store_true", help="print the figures for machines")


def run(arguments: argparse.Namespace) -> int:
    """Check, print the findings, and return 0 if all errors are within their bounds, otherwise 1."""
    contenders = chosen_contenders(arguments.strategy)
    problems = chosen_problems(arguments.problem)
    if arguments.threads is not None and arguments.threads < 1:
        raise Failure(f"--threads must be at least 1, not {arguments.threads}")
    with gemmconv.options(threads=arguments.threads, deterministic=arguments.deterministic):
        findings = check(contenders, problems)
        arrays = [] if arguments.strategy or arguments.problem else check_arrays()
    exceeded = sum(finding.exceeded for finding in findings) + sum(finding.exceeded for finding in arrays)
    if arguments.json:
        report = {
            "exceeded": exceeded,
            "problems": [problem.name for problem in problems],
            "findings": [asdict(finding) for finding in findings],
            "arrays": [asdict(finding) for finding in arrays],
            "config": gemmconv.show_config(mode="dicts"),
        }
        print(json.dumps(report, indent=2, default=str))
    else:
        print(describe(findings, problems))
        print(describe_arrays(arrays), end="")
    return 1 if exceeded else 0


def chosen_contenders(names: list[str] | None) -> list[Contender]:
    """The strategies of the CPU backend and the other backends, or those named: single variants too."""
    everyone = [Contender("cpu", name) for name in _core.strategy_names()]
    everyone += [Contender(name, "auto") for name in BACKENDS if name != "cpu"]
    if names is None:
        return everyone
    table = _core.strategies()
    variants = [Contender("cpu", f"{name}/{variant}") for name in table for variant in table[name]]
    return pick("strategy", everyone + variants, names)


def chosen_problems(names: list[str] | None) -> list[Problem]:
    """The problems named, or all."""
    return pick("problem", list(PROBLEMS), names)


def pick(what: str, everything: list[Any], names: list[str] | None) -> list[Any]:
    """Those of ``everything`` whose ``name`` is in ``names``; a `Failure` for a name that none has."""
    known = {one.name: one for one in everything}
    for name in names or ():
        if name not in known:
            raise Failure(f"there is no {what} {name!r}: choose from {', '.join(known)}")
    return everything if names is None else [known[name] for name in names]


def check(contenders: list[Contender], problems: list[Problem]) -> list[Finding]:
    """One finding for each contender, pass, dtype and layout."""
    combinations = [(d, layout, p, c) for d in DTYPES for layout in LAYOUTS for p in PASSES for c in contenders]
    findings = []
    with progress_bar(len(combinations) * len(problems), "checking", "problem") as bar:
        for dtype, layout, pass_, contender in combinations:
            finding = Finding(contender.name, pass_, dtype, layout)
            for problem in problems:
                finding = with_problem(finding, contender, problem)
                bar.update()
            findings.append(finding)
    return findings


def check_arrays() -> list[ArrayFinding]:
    """One finding for each dtype and each operation other than convolution."""
    return [compare(operation, dtype) for operation in operations() for dtype in DTYPES]


def with_problem(finding: Finding, contender: Contender, problem: Problem) -> Finding:
    """``finding`` with one more problem added."""
    try:
        plan = gemmconv.plan(
            finding.pass_,
            in_layout(problem.x_shape, finding.layout),
            problem.w_shape,
            dtype=finding.dtype,
            layout=finding.layout,
            strategy=contender.strategy,
            backend=contender.backend,
            **problem.options(),
        )
    except gemmconv.UnsupportedError as refusal:
        return replace(finding, refused=finding.refused + 1, reason=finding.reason or str(refusal))
    for positive in (False, True):
        difference, share = worst_difference(plan, problem, finding, positive)
        if not share <= finding.share_of_bound:
            finding = replace(finding, share_of_bound=share, worst_problem=problem.name)
        finding = replace(finding, largest_difference=float(np.maximum(finding.largest_difference, difference)))
    return replace(finding, problems=finding.problems + 1)


def worst_difference(plan: Any, problem: Problem, finding: Finding, positive: bool) -> tuple[float, float]:
    """The largest difference from the exact answer, and the largest as a share of its bound."""
    expected, magnitude = expectation(problem, finding.pass_, finding.dtype, positive)
    operands = problem.operands(finding.pass_, finding.dtype, positive=positive)
    first, second = replace(problem, layout=finding.layout).arranged(finding.pass_, *operands)
    out = np.full(plan.output_shape, np.nan, finding.dtype)
    plan(first, second, out=out)
    out = channels_second(out, finding.pass_, finding.layout)
    if expected.size == 0:
        return 0.0, 0.0
    difference = np.abs(out - expected)
    bound = plan.error_bound * magnitude
    share = np.divide(difference, bound, out=np.where(difference > 0, np.inf, difference), where=bound > 0)
    return float(difference.max()), float(share.max())


@cache
def expectation(problem: Problem, pass_: str, dtype: str, positive: bool) -> tuple[Array, Array]:
    """The exact answer, and ``|x| conv |w|``."""
    first, second = problem.operands(pass_, dtype, positive=positive)
    return exact(problem, pass_, first, second), exact(problem, pass_, np.abs(first), np.abs(second))


def describe(findings: list[Finding], problems: list[Problem]) -> str:
    """The table, the meaning of its columns, and whether all errors are within their bounds."""
    done = [finding for finding in findings if finding.problems]
    exceeded = [finding for finding in done if finding.exceeded]
    parts = [
        text_table(
            [
                "strategy",
                "dtype",
                "layout",
                "pass",
                "problems",
                "largest difference",
                "share of bound",
                "worst problem",
            ],
            list(rows(done)),
            left=4,
        ),
        "",
        "share of bound: difference / (plan.error_bound x (|x| conv |w|)) at the worst output; at most 100 % is "
        "promised.",
    ]
    parts += [f"{name} refused {count} of {total}: {reason}" for name, count, total, reason in refusals(findings)]
    runs = sum(finding.problems for finding in done)
    if exceeded:
        parts.append(f"FAILED: {len(exceeded)} of {len(done)} rows exceed their bound, on {len(problems)} problems.")
    else:
        worst = max((finding.share_of_bound for finding in done), default=0.0)
        parts.append(f"All {runs} comparisons within their bounds; the closest reached {worst:.1%} of its bound.")
    return "\n".join(parts)


def describe_arrays(findings: list[ArrayFinding]) -> str:
    """The table of patches, pooling and activations; empty if they were not checked."""
    if not findings:
        return ""
    lines = [
        [
            finding.operation,
            finding.dtype,
            f"{finding.largest_difference:.1e}",
            f"{finding.share_of_bound:.1%}" + (" EXCEEDED" if finding.exceeded else ""),
        ]
        for finding in findings
    ]
    table = text_table(["cpu against reference", "dtype", "largest difference", "share of bound"], lines, left=2)
    exceeded = sum(finding.exceeded for finding in findings)
    verdict = f"FAILED: {exceeded} exceed their bound." if exceeded else "All within their bounds."
    return f"\n{table}\n\nWhat only moves numbers must be equal. {verdict}\n"


def rows(findings: list[Finding]) -> Iterator[list[str]]:
    """The rows of the table, grouped by strategy."""
    names = list(dict.fromkeys(finding.contender for finding in findings))
    for finding in sorted(findings, key=lambda one: names.index(one.contender)):
        yield [
            finding.contender,
            finding.dtype,
            finding.layout,
            finding.pass_,
            str(finding.problems),
            f"{finding.largest_difference:.1e}",
            f"{finding.share_of_bound:.1%}" + (" EXCEEDED" if finding.exceeded else ""),
            finding.worst_problem,
        ]


def refusals(findings: list[Finding]) -> Iterator[tuple[str, int, int, str]]:
    """Each contender that refused something: how many of how many, and the first reason."""
    for name in dict.fromkeys(finding.contender for finding in findings):
        own = [finding for finding in findings if finding.contender == name]
        refused = sum(finding.refused for finding in own)
        if refused:
            yield (
                name,
                refused,
                refused + sum(finding.problems for finding in own),
                next(f.reason for f in own if f.reason),
            )
