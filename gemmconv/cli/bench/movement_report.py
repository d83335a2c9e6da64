"""The table and the picture of suites that count bytes."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from gemmconv.cli.bench.movement import COPY, OWN
from gemmconv.cli.bench.records import Record
from gemmconv.cli.bench.report import Table, by_problem, geometric_mean
from gemmconv.cli.demo.style import CATEGORIES, INK, new_figure, save

MARKERS = "osD"


def movement_table(records: Sequence[Record]) -> Table:
    """Microseconds and rates of each contestant, and the time of other libraries over ours."""
    names = list(dict.fromkeys(record.contestant for record in records))
    headers = ["layer", "batch", "pass", *(f"{name}, µs (GB/s)" for name in names)]
    others = [name for name in names if name not in (OWN, COPY)]
    headers += [f"{name}'s time / ours" for name in others]
    rows = []
    for group in by_problem(records).values():
        record = next(iter(group.values()))
        row = [record.layer, str(record.batch), record.pass_, *(cell_of(group.get(name)) for name in names)]
        ratios = [ratio_of(group, name) for name in others]
        rows.append([*row, *("–" if ratio is None else f"{ratio:.2f}" for ratio in ratios)])
    return Table(headers, rows, meaning_of(records, others))


def cell_of(record: Record | None) -> str:
    """Microseconds and rate, or a dash."""
    if record is None or record.median_s is None or record.moved_bytes is None:
        return "–"
    return f"{record.median_s * 1e6:.4g} ({record.moved_bytes / record.median_s / 1e9:.3g})"


def ratio_of(group: dict[str, Record], other: str) -> float | None:
    """Another library's time over ours."""
    own, its = (group[name].median_s if name in group else None for name in (OWN, other))
    return its / own if own and its else None


def meaning_of(records: Iterable[Record], others: Sequence[str]) -> str:
    """What the columns mean, and the ratios in one line for each other library."""
    groups = by_problem(records).values()
    text = (
        "Medians; every answer was checked first. GB/s count each input read once and each output written once; copy: "
        "NumPy copies half as many bytes."
    )
    for name in others:
        ratios = [ratio for ratio in (ratio_of(group, name) for group in groups) if ratio is not None]
        if ratios:
            text += (
                f" {name}'s time over ours: {geometric_mean(ratios):.2f} (geometric mean of {len(ratios)}, from "
                f"{min(ratios):.2f} to {max(ratios):.2f}; {sum(ratio < 1.2 for ratio in ratios)} below 1.2)."
            )
    return text


def draw_movement(title: str, records: Sequence[Record], path: Path) -> Path:
    """Rates of all contestants: a row for each operation, a mark for each layer."""
    rows = list(dict.fromkeys(operation_of(record) for record in records))[::-1]
    names = list(dict.fromkeys(record.contestant for record in records))
    figure = new_figure(
        10.5,
        2.2 + 0.3 * len(rows),
        title,
        f"{records[0].dtype}, {records[0].threads} thread(s), medians of {records[0].rounds} turns after two "
        "warm-ups; every answer was checked first. Each input counts as read once, each output as written once; copy: "
        "NumPy copies half as many bytes. A mark is a layer; further right is faster.",
    )
    axes = figure.subplots()
    for index, name in enumerate(names):
        own = [record for record in records if record.contestant == name and record.median_s and record.moved_bytes]
        axes.scatter(
            [(record.moved_bytes or 0) / (record.median_s or 1) / 1e9 for record in own],
            [rows.index(operation_of(record)) + 0.22 * (1 - index) for record in own],
            s=26,
            marker=MARKERS[index % len(MARKERS)],
            color=CATEGORIES[index % len(CATEGORIES)],
            edgecolor=INK,
            linewidth=0.4,
            label=name,
            zorder=3,
        )
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.grid(axis="y", color="#e8e8e8", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xscale("log")
    axes.set_xlabel("GB/s")
    figure.legend(loc="outside right upper", frameon=False, handletextpad=0.2)
    return save(figure, path)


def operation_of(record: Record) -> str:
    """What was done, whatever the layer."""
    return f"{record.layer.partition(' ')[2]} {record.pass_.replace('_', ' ')}"
