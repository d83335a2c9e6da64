"""Pictures of the suite ``peers``: a roofline, and every layer against each peer, coloured by kind of layer."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gemmconv.cli.bench.kinds import KINDS
from gemmconv.cli.bench.records import Record
from gemmconv.cli.bench.report import geometric_mean
from gemmconv.cli.demo.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    RC,
    SKY,
    VERMILION,
    new_figure,
    save,
)
from gemmconv.cli.problems import PASSES
from peers.report import EQUAL, PASS_NAMES, SLOW, Duel, duels, peers_in, plural, roof_of
from peers.roofs import Roofs, intensity
from peers.targets import OWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = dict(zip(KINDS, (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, "#999999"), strict=True))
PEER_MARKERS = {"PyTorch": "o", "ONNX Runtime": "^"}
Condition = tuple[int, int]  # threads, batch


def draw_peers(records: Sequence[Record], roofs: Sequence[Roofs], folder: Path) -> list[Path | None]:
    """Draw ``roofline.png`` and ``peers.png``; none if nothing was timed."""
    import matplotlib

    timed = [record for record in records if record.gflops]
    if not timed:
        return []
    with matplotlib.rc_context(RC):  # type: ignore[arg-type, unused-ignore]
        pictures: list[Path | None] = [draw_roofline(timed, roofs, folder / "roofline.png")]
        if peers_in(timed):
            pictures.append(draw_ratios(timed, folder / "peers.png"))
    return pictures


def conditions_in(records: Sequence[Record]) -> list[Condition]:
    """The conditions that were measured; each is a row of panels."""
    return sorted({(record.threads, record.batch) for record in records})


def titled(condition: Condition) -> str:
    """The heading of a row of panels."""
    threads, batch = condition
    return f"{plural(batch, 'image')}, {plural(threads, 'thread')}"


def legend_of_kinds(figure: "Figure", records: Sequence[Record], more: Sequence[Any] = ()) -> None:
    """A swatch for each kind that was measured, right of the panels."""
    from matplotlib.lines import Line2D

    present = {record.kind for record in records}
    swatch: dict[str, Any] = {
        "marker": "o",
        "linestyle": "",
        "markersize": 7,
        "markeredgecolor": "white",
        "markeredgewidth": 0.5,
    }
    handles = [Line2D([], [], color=COLOURS[kind], label=kind, **swatch) for kind in KINDS if kind in present]
    handles += list(more)
    figure.legend(
        handles=handles,
        loc="outside right upper",
        frameon=False,
        handletextpad=0.2,
        labelspacing=0.7,
        fontsize=10,
    )


def draw_roofline(records: Sequence[Record], roofs: Sequence[Roofs], path: Path) -> Path:
    """Rates over operational intensity, under the roofs; a line leads from each peer's rate to ours."""
    from matplotlib.lines import Line2D
    from matplotlib.ticker import FuncFormatter

    conditions = conditions_in(records)
    passes = [pass_ for pass_ in PASSES if any(record.pass_ == pass_ for record in records)]
    figure = new_figure(
        13.2,
        1.7 + 4.3 * len(conditions),
        "Roofline: what the machine allows, and what is reached",
        f"{records[0].dtype}, {records[0].layout}, math {records[0].math}. Each dot is a layer by gemmconv, its line "
        "leads from PyTorch's rate to ours. Roofs were measured in the same run: fused multiply-adds in registers, a "
        "copy of 128 MiB (memory), a copy of 256 KiB (cache). Intensity: operations (2·N·K·P·Q) over the bytes of the "
        "two operands and the result, once each. Layers that fit a cache may pass the roof of memory.",
    )
    panels = figure.subplots(len(conditions), len(passes), sharex=True, sharey=True, squeeze=False)
    for row, condition in zip(panels, conditions, strict=True):
        for axes, pass_ in zip(row, passes, strict=True):
            own = [r for r in records if (r.threads, r.batch) == condition and r.pass_ == pass_]
            axes.set_xscale("log")
            axes.set_yscale("log")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            roofline_panel(axes, own)
            axes.set_title(f"{PASS_NAMES[pass_]}, {titled(condition)}")
            axes.grid(color="#f0f0f0", linewidth=0.8)
            axes.set_axisbelow(True)
    left, right = panels[0][0].get_xlim()
    rates = [record.gflops or 1 for record in records]
    highest = max([*rates, *(roof.flops / 1e9 for roof in roofs)])
    for row, condition in zip(panels, conditions, strict=True):
        for axes in row:
            axes.set_xlim(left, right)
            axes.set_ylim(max(min(rates), highest / 2000) / 1.6, highest * 2)
            sample = next(r for r in records if (r.threads, r.batch) == condition)
            draw_roofs(axes, roof_of(sample, roofs), (left, right))
        row[0].set_ylabel("GFLOP/s")
    for axes in panels[-1]:
        axes.set_xlabel("operations for each byte")
    hollow: dict[str, Any] = {
        "linestyle": "",
        "markersize": 5,
        "markerfacecolor": "white",
        "markeredgecolor": "#8a8a8a",
    }
    more = [Line2D([], [], marker=PEER_MARKERS[name], label=name, **hollow) for name in peers_in(records)]
    legend_of_kinds(figure, records, more)
    return save(figure, path)


def roofline_panel(axes: "Axes", records: Sequence[Record]) -> None:
    """The layers of one pass."""
    for peer in peers_in(records):
        for duel in duels(records, peer):
            place = intensity(duel.own)
            rates = [duel.peer.gflops or 0, duel.own.gflops or 0]
            if peer == "PyTorch":
                axes.plot([place, place], rates, color="#c4c4c4", linewidth=0.7, zorder=2)
            axes.scatter(place, rates[0], s=13, marker=PEER_MARKERS[peer], color="white", edgecolor="#8a8a8a", zorder=3)
    own = [record for record in records if record.contestant == OWN]
    axes.scatter(
        [intensity(record) for record in own],
        [record.gflops or 0 for record in own],
        s=30,
        color=[COLOURS[record.kind] for record in own],
        edgecolor="white",
        linewidth=0.5,
        zorder=4,
    )


def draw_roofs(axes: "Axes", roof: Roofs | None, ends: tuple[float, float]) -> None:
    """The ceiling of arithmetic and the slopes of memory and cache, each with its figure."""
    if roof is None:
        return
    left, right = ends
    peak = roof.flops / 1e9
    lines: tuple[tuple[float, Any], ...] = ((roof.memory / 1e9, "-"), (roof.cache / 1e9, (0, (4, 2))))
    for bandwidth, style in lines:
        knee = peak / bandwidth
        if knee > left:
            axes.plot([left, knee], [left * bandwidth, peak], color=INK, linewidth=1.2, linestyle=style, zorder=1)
    axes.plot([max(left, peak / (roof.cache / 1e9)), right], [peak, peak], color=INK, linewidth=1.2, zorder=1)
    axes.text(right, peak * 1.06, f"peak {peak:.0f} GFLOP/s ", ha="right", va="bottom", fontsize=8.5)
    notes = f"memory {roof.memory / 1e9:.0f} GB/s\ncache {roof.cache / 1e9:.0f} GB/s (dashed)"
    axes.text(0.985, 0.02, notes, transform=axes.transAxes, ha="right", va="bottom", fontsize=8.5, color=FAINT)


def draw_ratios(records: Sequence[Record], path: Path) -> Path:
    """A bar for each layer, above 1 if gemmconv is faster, below 1 if the peer is; sorted."""
    conditions = conditions_in(records)
    columns = [(peer, pass_) for peer in peers_in(records) for pass_ in PASSES]
    columns = [one for one in columns if any(duel.own.pass_ == one[1] for duel in duels(records, one[0]))]
    figure = new_figure(
        1.2 + 3.7 * max(len(columns), 2),
        1.9 + 3.0 * len(conditions),
        "Every layer against other libraries: their time over ours",
        f"{records[0].dtype}, {records[0].layout}, math {records[0].math}; medians of the same run, answers checked "
        "against float64 before. A bar is a layer: upwards gemmconv is faster, downwards the peer. Dashed: 0.9.",
    )
    panels = figure.subplots(len(conditions), len(columns), sharey=True, squeeze=False)
    for row, condition in zip(panels, conditions, strict=True):
        for axes, (peer, pass_) in zip(row, columns, strict=True):
            own = [record for record in records if (record.threads, record.batch) == condition]
            found = [duel for duel in duels(own, peer) if duel.own.pass_ == pass_]
            axes.set_title(f"{peer}, {PASS_NAMES[pass_]}\n{titled(condition)}")
            if found:
                ratio_panel(axes, sorted(found, key=lambda duel: duel.ratio))
        row[0].set_ylabel("times as fast")
    legend_of_kinds(figure, records)
    return save(figure, path)


def ratio_panel(axes: "Axes", found: Sequence[Duel]) -> None:
    """The bars of one peer and pass."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    ratios = [duel.ratio for duel in found]
    axes.set_yscale("log")
    axes.bar(
        range(len(found)),
        [ratio - 1 for ratio in ratios],
        bottom=1,
        width=1,
        color=[COLOURS[duel.own.kind] for duel in found],
    )
    axes.axhline(EQUAL, color=INK, linewidth=0.9)
    axes.axhline(SLOW, color=FAINT, linewidth=0.9, linestyle=(0, (4, 2)))
    axes.yaxis.set_major_locator(FixedLocator([2.0**power for power in range(-8, 9)]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}" if value >= 1 else f"1/{1 / value:g}"))
    axes.grid(axis="y", color="#f0f0f0", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xticks([])
    axes.set_xlabel(f"{len(found)} layers, sorted")
    slower = sum(ratio < EQUAL for ratio in ratios)
    much = sum(ratio < SLOW for ratio in ratios)
    text = f"geometric mean {geometric_mean(ratios):.2f}\nbelow 1: {slower}, below 0.9: {much}"
    axes.text(0.03, 0.97, text, transform=axes.transAxes, va="top", fontsize=9)
