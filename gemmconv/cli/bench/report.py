"""Records as tables for people: one for each kind of suite, with what its columns mean."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gemmconv.cli.bench.candidates import is_strategy
from gemmconv.cli.bench.records import Record


@dataclass(frozen=True)
class Table:
    """Rows under headers, of which the first ``left`` are words, and what they mean."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    meaning: str
    left: int = 3


@dataclass(frozen=True)
class Section:
    """A table with what stands around it; its first ``left`` columns are words."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int
    remarks: Sequence[str] = ()


def section_of(title: str, table: Table, records: Sequence[Record]) -> Section:
    """The section of a suite that has one table."""
    remarks = [table.meaning, *summaries(records), *notes(records)]
    return Section(title, table.headers, table.rows, table.left, remarks)


def by_problem(records: Iterable[Record]) -> dict[tuple[object, ...], dict[str, Record]]:
    """Records of the same problem together, by contestant."""
    found: dict[tuple[object, ...], dict[str, Record]] = {}
    for record in records:
        found.setdefault(record.problem, {})[record.contestant] = record
    return found


def contest_table(records: Sequence[Record]) -> Table:
    """Milliseconds of each contestant and its rate."""
    names = list(dict.fromkeys(record.contestant for record in records if record.median_s is not None))
    headers = ["layer", "batch", "pass", *(f"{name}, ms (GFLOP/s)" for name in names)]
    rows = []
    for group in by_problem(records).values():
        any_record = next(iter(group.values()))
        cells = [cell_of(group.get(name)) for name in names]
        rows.append([any_record.layer, str(any_record.batch), any_record.pass_, *cells])
    threads = sorted({record.threads for record in records})
    turns = min((record.rounds for record in records if record.rounds), default=0)
    meaning = (
        f"Medians of at least {turns} turns, {', '.join(map(str, threads))} "
        "thread(s); every answer was checked first. GFLOP/s count 2*N*K*P*Q operations, those on padded cells included."
    )
    return Table(headers, rows, meaning)


def gemm_table(records: Sequence[Record]) -> Table:
    """The same, with the share of the bare product's rate."""
    table = contest_table(records)
    shares = [share_of_gemm(group) for group in by_problem(records).values()]
    rows = [[*row, "" if share is None else f"{share:.0%}"] for row, share in zip(table.rows, shares, strict=True)]
    return Table([*table.headers, "im2col / bare GEMM"], rows, table.meaning)


def choice_table(records: Sequence[Record]) -> Table:
    """Where another strategy than the one auto took was the fastest: the largest loss first."""
    losses = []
    for group in by_problem(records).values():
        own = group.get("auto")
        others = [one for one in group.values() if one.median_s and is_strategy(one.contestant)]
        best = min(others, key=lambda one: one.median_s or 0, default=None)
        if own and own.median_s and best and best.median_s and best.contestant != own.strategy:
            losses.append((own.median_s / best.median_s, own, best))
    rows = [
        [
            own.layer,
            str(own.batch),
            own.pass_,
            own.strategy,
            cell_of(own),
            best.contestant,
            cell_of(best),
            f"{loss:.2f}",
        ]
        for loss, own, best in sorted(losses, key=lambda item: -item[0])
    ]
    headers = ["layer", "batch", "pass", "auto took", "ms (GFLOP/s)", "best", "ms (GFLOP/s)", "times as long"]
    problems = len(by_problem(records))
    meaning = (
        f"The {len(rows)} of {problems} problems where auto took another than the fastest, medians; answers were "
        "checked."
    )
    return Table(headers, rows, meaning, 4)


def threads_table(records: Sequence[Record]) -> Table:
    """Milliseconds under each number of threads, and the gain of the most over one."""
    names = list(dict.fromkeys(record.contestant for record in records))
    rows, gains = [], []
    for group in by_problem(records).values():
        first = next(iter(group.values()))
        one, most = (group[name].median_s for name in (names[0], names[-1]))
        gain = one / most if one and most else None
        gains += [gain] if gain else []
        cells = [cell_of(group.get(name)) for name in names]
        rows.append([first.layer, str(first.batch), first.pass_, *cells, f"{gain:.2f}" if gain else "–"])
    meaning = "Medians of auto; every answer was checked first."
    if gains:
        meaning += (
            f" gain: {names[-1]} over {names[0]}, {geometric_mean(gains):.2f} (geometric mean of {len(gains)}, from "
            f"{min(gains):.2f} to {max(gains):.2f})."
        )
    return Table(["layer", "batch", "pass", *(f"{name}, ms (GFLOP/s)" for name in names), "gain"], rows, meaning)


def threads_name(threads: int) -> str:
    """``1 thread``, ``2 threads``: a contestant's name."""
    return f"{threads} thread{'' if threads == 1 else 's'}"


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
    return Table(headers, rows, meaning)


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
    return Table(["call", "fastest, µs", "median, µs"], rows, "One 8x8 image, one 3x3 kernel, padding 1, float32.", 1)


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
        group["auto"] / min(seconds for name, seconds in group.items() if name == "auto" or is_strategy(name))
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
