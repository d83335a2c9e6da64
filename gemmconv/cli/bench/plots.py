"""Pictures of suites, in the style of the demonstration."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gemmconv.cli.bench.records import Record
from gemmconv.cli.bench.report import by_problem, share_of_gemm
from gemmconv.cli.demo.style import BLUE, CATEGORIES, FAINT, INK, ORANGE, RC, VERMILION, new_figure, save
from gemmconv.cli.problems import PASSES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GOAL = 0.7  # share of the bare GEMM's rate
WIDEST = 150  # where the axis of shares ends, in %
WHITE_BOX: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "pad": 1.2}
MARKERS = "osD^vPXhpd"
Drawer = Callable[[str, Sequence[Record], Path], Path]  # of a title, what was measured, and the file to write


def draw(drawer: Drawer | None, title: str, records: Sequence[Record], path: Path) -> Path | None:
    """Draw the picture of a suite; None where it has none or nothing was measured."""
    import matplotlib

    measured = [record for record in records if record.median_s is not None or record.measured_bytes is not None]
    if drawer is None or not measured:
        return None
    with matplotlib.rc_context(RC):  # type: ignore[arg-type, unused-ignore]
        return drawer(title, measured, path)


def label(record: Record) -> str:
    """A problem's name on an axis."""
    return record.layer if record.batch == 1 else f"{record.layer}, batch {record.batch}"


def passes_of(records: Sequence[Record]) -> list[str]:
    """Those passes that were measured, in their usual order."""
    return [pass_ for pass_ in PASSES if any(record.pass_ == pass_ for record in records)]


def draw_contest(title: str, records: Sequence[Record], path: Path) -> Path:
    """Rates of all contestants, a line a problem, a panel a pass."""
    rows = list(dict.fromkeys(label(record) for record in records))[::-1]
    names = list(dict.fromkeys(record.contestant for record in records))
    figure = new_figure(
        13.2,
        2.2 + 0.36 * len(rows),
        title,
        f"{records[0].dtype}, {records[0].threads} thread(s), medians of {records[0].rounds} turns after two "
        "warm-ups; every answer was checked against float64 first. Rates count 2·N·K·P·Q operations, those on padded "
        "cells included. Further right is faster.",
    )
    passes = passes_of(records)
    panels = figure.subplots(1, len(passes), sharey=True, squeeze=False)[0]
    for axes, pass_ in zip(panels, passes, strict=True):
        rows_of_lines(axes, rows)
        for index, name in enumerate(names):
            own = [record for record in records if record.contestant == name and record.pass_ == pass_]
            axes.scatter(
                [record.gflops for record in own],
                [rows.index(label(record)) for record in own],
                s=54,
                marker=MARKERS[index % len(MARKERS)],
                color=CATEGORIES[index % len(CATEGORIES)],
                edgecolor=INK,
                linewidth=0.5,
                label=name,
                zorder=3,
            )
        axes.set_xscale("log")
        axes.set_title(pass_.replace("_", " "))
        axes.set_xlabel("GFLOP/s")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False, handletextpad=0.2)
    return save(figure, path)


def rows_of_lines(axes: "Axes", rows: Sequence[str]) -> None:
    """A named, faint line for each row."""
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.grid(axis="y", color="#e8e8e8", linewidth=0.8)
    axes.grid(axis="x", color="#f2f2f2", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0, labelcolor=INK)


def draw_gemm(title: str, records: Sequence[Record], path: Path) -> Path:
    """The share of the bare product's rate, against the goal."""
    groups = by_problem(records).values()
    rows = list(dict.fromkeys(label(record) for record in records))[::-1]
    figure = new_figure(
        13.2,
        2.3 + 0.34 * len(rows),
        title,
        "Rate of im2col, gather and scatter included, as a share of the rate of the same matrix product alone by "
        "NumPy's BLAS (whole batch in one product, patches gathered beforehand), medians of the same run. The line is "
        "the goal of 70 %.",
    )
    passes = passes_of(records)
    panels = figure.subplots(1, len(passes), sharey=True, squeeze=False)[0]
    for axes, pass_ in zip(panels, passes, strict=True):
        rows_of_lines(axes, rows)
        for group in groups:
            record = next(iter(group.values()))
            share = share_of_gemm(group)
            if record.pass_ != pass_ or share is None:
                continue
            row = rows.index(label(record))
            axes.barh(row, share * 100, height=0.62, color=BLUE if share >= GOAL else ORANGE)
            place = min(share * 100, WIDEST - 12) + 1.5
            axes.text(place, row, f"{share:.0%}", va="center", fontsize=8.5, bbox=WHITE_BOX)
        axes.axvline(GOAL * 100, color=VERMILION, linewidth=1.4, linestyle=(0, (4, 2)))
        axes.set_xlim(0, WIDEST)
        axes.set_title(pass_.replace("_", " "))
        axes.set_xlabel("% of the bare GEMM's rate")
    return save(figure, path)


def draw_memory(title: str, records: Sequence[Record], path: Path) -> Path:
    """Scratch memory seen, with its limit and the size of the whole matrix."""
    rows = list(dict.fromkeys(f"{label(record)}, {record.pass_.replace('_', ' ')}" for record in records))[::-1]
    limits = sorted({record.limit_bytes or 0 for record in records}, reverse=True)
    figure = new_figure(
        13.2,
        2.2 + 0.28 * len(rows),
        title,
        "Bars: by how much the resident memory of a fresh process peaked during the call. Dashed: the limit it was "
        "given (workspace_limit). Dots: what the whole im2col matrix would take. The bars stay left of the line.",
    )
    panels = figure.subplots(1, len(limits), sharey=True, squeeze=False)[0]
    for axes, limit in zip(panels, limits, strict=True):
        rows_of_lines(axes, rows)
        for record in records:
            if record.limit_bytes != limit or record.measured_bytes is None:
                continue
            row = rows.index(f"{label(record)}, {record.pass_.replace('_', ' ')}")
            axes.barh(row, record.measured_bytes / 2**20, height=0.6, color=BLUE)
            axes.scatter((record.patches_bytes or 0) / 2**20, row, s=26, color=ORANGE, zorder=3, clip_on=False)
        axes.axvline(limit / 2**20, color=VERMILION, linewidth=1.4, linestyle=(0, (4, 2)))
        axes.set_xscale("symlog", linthresh=1)
        axes.set_title(f"workspace_limit = {limit / 2**20:g} MiB")
        axes.set_xlabel("MiB")
    return save(figure, path)


def draw_overhead(title: str, records: Sequence[Record], path: Path) -> Path:
    """Microseconds of a call."""
    figure = new_figure(
        9,
        1.9 + 0.4 * len(records),
        title,
        "One 8×8 image, one 3×3 kernel, float32. Bars: median; ticks: fastest turn.",
    )
    axes = figure.subplots()
    names = [record.contestant for record in records][::-1]
    rows_of_lines(axes, names)
    for record in records:
        row = names.index(record.contestant)
        median, fastest = (record.median_s or 0) * 1e6, (record.min_s or 0) * 1e6
        axes.barh(row, median, height=0.6, color=BLUE if "(" in record.contestant else FAINT)
        axes.plot([fastest, fastest], [row - 0.3, row + 0.3], color="white", linewidth=1.5)
        axes.text(median, row, f" {median:.2f} µs", va="center", fontsize=8.5)
    axes.set_xlim(0, axes.get_xlim()[1] * 1.12)
    axes.set_xlabel("microseconds")
    return save(figure, path)
