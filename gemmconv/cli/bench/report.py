"""Records as tables for people: one a suite, with what its columns mean."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gemmconv import _core
from gemmconv.cli.bench.records import Record

MOVING = ("pooling", "patches")  # suites that count bytes
Table = tuple[list[str], list[list[str]], str]  # headers, rows, what they mean


@dataclass(frozen=True)
class Section:
    """A table with what stands around it; its first ``left`` columns are words."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int
    remarks: Sequence[str] = ()


def section_of(suite: str, title: str, records: Sequence[Record]) -> Section:
    """The one section of a suite that has no more."""
    headers, rows, meaning = table_of(suite, records)
    remarks = [meaning, *summaries(records), *notes(records)]
    return Section(title, headers, rows, 1 if suite == "overhead" else 3, remarks)


def by_problem(records: Iterable[Record]) -> dict[tuple[object, ...], dict[str, Record]]:
    """Records of the same problem together, by contestant."""
    found: dict[tuple[object, ...], dict[str, Record]] = {}
    for record in records:
        found.setdefault(record.problem, {})[record.contestant] = record
    return found


def table_of(suite: str, records: Sequence[Record]) -> Table:
    """The table of one suite."""
    if suite == "memory":
        return memory_table(records)
    if suite == "overhead":
        return overhead_table(records)
    if suite in MOVING:
        from gemmconv.cli.bench.movement_report import movement_table

        return movement_table(records)
    return contest_table(suite, records)


def contest_table(suite: str, records: Sequence[Record]) -> Table:
    """Milliseconds of each contestant and its rate; for ``gemm`` the share of the bare product's rate."""
    names = list(dict.fromkeys(record.contestant for record in records if record.median_s is not None))
    headers = ["layer", "batch", "pass", *(f"{name}, ms (GFLOP/s)" for name in names)]
    if suite == "gemm":
        headers.append("im2col / bare GEMM")
    rows = []
    for group in by_problem(records).values():
        any_record = next(iter(group.values()))
        cells = [cell_of(group.get(name)) for name in names]
        row = [any_record.layer, str(any_record.batch), any_record.pass_, *cells]
        if suite == "gemm":
            share = share_of_gemm(group)
            row.append("" if share is None else f"{share:.0%}")
        rows.append(row)
    threads = sorted({record.threads for record in records})
    turns = min((record.rounds for record in records if record.rounds), default=0)
    meaning = (
        f"Medians of at least {turns} turns, {', '.join(map(str, threads))} "
        "thread(s); every answer was checked first. GFLOP/s count 2*N*K*P*Q operations, those on padded cells included."
    )
    return headers, rows, meaning


def cell_of(record: Record | None) -> str:
    """Milliseconds and rate, or a dash."""
    if record is None or record.median_s is None or record.gflops is None:
        return "–"
    return f"{record.median_s * 1e3:.3g} ({record.gflops:.3g})"


def share_of_gemm(group: dict[str, Record]) -> float | None:
    """Rate of im2col over the rate of the bare product, medians of the same run."""
    own, bare = (group[name].median_s if name in group else None for name in ("im2col", "bare GEMM"))
    return bare / own if own and bare else None


def memory_table(records: Sequence[Record]) -> Table:
    """Announced and seen scratch memory."""
    headers = ["layer", "batch", "pass", "limit, MiB", "announced, MiB", "seen, MiB", "whole im2col matrix, MiB"]
    rows = [
        [
            record.layer,
            str(record.batch),
            record.pass_,
            *(
                mebibytes(size)
                for size in (record.limit_bytes, record.workspace_bytes, record.measured_bytes, record.patches_bytes)
            ),
        ]
        for record in records
    ]
    meaning = (
        "Seen: by how much the resident memory of a fresh process peaked during the call, inputs and output in place "
        "before; it counts whole pages (of 2 MiB, where the system gives such), and whatever else the process touched."
    )
    return headers, rows, meaning


def mebibytes(size: int | None) -> str:
    """A size in MiB."""
    return "–" if size is None else f"{size / 2**20:.2f}"


def overhead_table(records: Sequence[Record]) -> Table:
    """Microseconds of one call."""
    rows = [
        [
            record.contestant,
            "–" if record.min_s is None or record.median_s is None else f"{record.min_s * 1e6:.2f}",
            "–" if record.median_s is None else f"{record.median_s * 1e6:.2f}",
        ]
        for record in records
    ]
    return ["call", "fastest, µs", "median, µs"], rows, "One 8x8 image, one 3x3 kernel, padding 1, float32."


def notes(records: Iterable[Record]) -> list[str]:
    """Who was not timed and why, each reason once with the number of problems it holds for."""
    counted: dict[tuple[str, str], int] = {}
    for record in records:
        if record.note:
            counted[record.contestant, record.note] = counted.get((record.contestant, record.note), 0) + 1
    return [f"{name}: {note} ({count} problem{'s' if count > 1 else ''})" for (name, note), count in counted.items()]


def summaries(records: Sequence[Record]) -> list[str]:
    """How `auto` stands against each other contestant, and against the best strategy for each problem."""
    groups = [
        {name: record.median_s for name, record in group.items() if record.median_s}
        for group in by_problem(records).values()
    ]
    groups = [group for group in groups if "auto" in group]
    lines = []
    for name in dict.fromkeys(record.contestant for record in records if record.contestant != "auto"):
        ratios = [group[name] / group["auto"] for group in groups if name in group]
        if ratios:
            lines.append(
                f"{name}: {geometric_mean(ratios):.2f} times the time of auto "
                f"(geometric mean of {len(ratios)}, from {min(ratios):.2f} to {max(ratios):.2f})"
            )
    choices = [
        group["auto"] / min(seconds for name, seconds in group.items() if name in (*_core.strategy_names(), "auto"))
        for group in groups
    ]
    if choices:
        lines.append(
            f"auto: {geometric_mean(choices):.2f} times the time of the best strategy "
            f"(geometric mean of {len(choices)}, at most {max(choices):.2f})"
        )
    return lines


def geometric_mean(values: Sequence[float]) -> float:
    """The mean of ratios."""
    return math.exp(sum(map(math.log, values)) / len(values))
