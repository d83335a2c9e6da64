"""``gemmconv bench compare A B``: compare two files of JSON lines, measurement by measurement."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from gemmconv.cli.bench.records import Record, read_records
from gemmconv.cli.bench.report import geometric_mean
from gemmconv.cli.failures import Failure
from gemmconv.cli.table import text_table

WORST = 5


def compare(before: Path, after: Path) -> str:
    """How much faster ``after`` is: geometric means by suite, contestant and pass, and the worst and best problems."""
    old, new = (timed(read_records(path)[1]) for path in (before, after))
    both = [key for key in old if key in new]
    if not both:
        raise Failure(f"{before} and {after} have no timed measurement in common")
    ratios = {key: old[key] / new[key] for key in both}
    grouped: dict[tuple[str, str, str], list[float]] = {}
    for (problem, contestant), ratio in ratios.items():
        grouped.setdefault((str(problem[0]), contestant, str(problem[3])), []).append(ratio)
    rows = [
        [
            suite,
            contestant,
            pass_,
            str(len(found)),
            f"{geometric_mean(found):.3f}",
            f"{min(found):.3f}",
            f"{max(found):.3f}",
        ]
        for (suite, contestant, pass_), found in grouped.items()
    ]
    headers = ["suite", "contestant", "pass", "problems", "speed-up", "least", "most"]
    ordered = sorted(ratios.items(), key=lambda item: item[1])
    parts = [
        text_table(headers, rows, left=3),
        "",
        f"speed-up: median time in {before} / median time in {after}, geometric mean; above 1 the second is faster.",
        f"{len(both)} measurements in both; {len(old) - len(both)} only in the first, {len(new) - len(both)} only in "
        "the second.",
        *lines_of("slowed down most", [item for item in ordered[:WORST] if item[1] < 1]),
        *lines_of("gained most", [item for item in ordered[: -WORST - 1 : -1] if item[1] > 1]),
    ]
    return "\n".join(parts)


Key = tuple[tuple[object, ...], str]


def timed(records: Iterable[Record]) -> dict[Key, float]:
    """Median seconds by problem and contestant."""
    return {(record.problem, record.contestant): record.median_s for record in records if record.median_s}


def lines_of(title: str, items: Sequence[tuple[Key, float]]) -> list[str]:
    """A heading and a line for each measurement."""
    lines = [
        f"  {ratio:.3f}  {contestant}: {' '.join(str(word) for word in problem)}"
        for (problem, contestant), ratio in items
    ]
    return [f"{title}:", *lines] if lines else []
