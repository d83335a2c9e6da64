"""Max pooling with its winning units, and where each kind of pooling sends the gradient, on a handwritten digit."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import gemmconv
from gemmconv.annotations import Array
from gemmconv.cli.demo.images import digit, for_display, photograph
from gemmconv.cli.demo.stage import Outcome, Picture, Stage
from gemmconv.cli.demo.style import AMOUNT, VERMILION, bare, new_figure, save, write_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import SubplotSpec

SIZE = 2
BLOCK = 12  # of the photograph


def run(stage: Stage) -> Outcome:
    """Pool a digit by maximum, average and norm with their gradients, and a photograph by max."""
    x = (digit(3, 1) * 16)[np.newaxis, np.newaxis]
    pooled, indices = gemmconv.max_pool(x, SIZE, return_indices=True, backend=stage.backend)
    dy = np.arange(1, pooled.size + 1, dtype=x.dtype).reshape(pooled.shape)
    routed = gemmconv.max_pool_backward(dy, indices, x.shape, backend=stage.backend)
    mean = gemmconv.avg_pool(x, SIZE, backend=stage.backend)
    spread = gemmconv.avg_pool_backward(dy, x.shape, SIZE, backend=stage.backend)
    norm = gemmconv.lp_pool(x, SIZE, p=2, backend=stage.backend)
    shared = gemmconv.lp_pool_backward(dy, x, norm, SIZE, p=2, backend=stage.backend)
    kept = bool(routed.sum() == dy.sum() and np.isclose(spread.sum(), dy.sum()))
    won = bool((x.reshape(-1)[indices.reshape(-1)] == pooled.reshape(-1)).all())
    path = draw(
        stage,
        x[0, 0],
        indices[0, 0],
        [
            ("max", pooled[0, 0], "the winner takes it all", routed[0, 0]),
            ("average", mean[0, 0], "each cell takes a quarter", spread[0, 0]),
            ("L2 norm", norm[0, 0], "in proportion to x / y", shared[0, 0]),
        ],
    )
    path_of_photograph = draw_photograph(stage)
    lines = (
        f"every maximum is found at the index it came with: {'yes' if won else 'NO'}",
        f"max and average pooling pass on the whole gradient: {'yes' if kept else 'NO'}",
    )
    figures = {"maxima_at_their_indices": won, "gradient_kept": kept}
    pictures = (
        Picture(path, "a handwritten 3, its winning units, and the gradient that each kind of pooling sends back"),
        Picture(path_of_photograph, "a flower pooled by maximum, average and L2 norm, winners marked"),
    )
    return Outcome(lines, figures, pictures, won and kept)


def draw(stage: Stage, x: Array, indices: Array, kinds: list[tuple[str, Array, str, Array]]) -> Path:
    """The digit with its winners, then for each kind its values and the gradient that it returns."""
    figure = new_figure(
        13.2,
        6.4,
        "Pooling keeps one value of each 2×2 block; its gradient returns to where that value stood",
        "Circles mark the winning units: the indices that max_pool returns. Below, a gradient dy of 1, 2, 3 ... 16 on "
        "the pooled cells is sent back: max pooling routes each number to its winner, average pooling spreads it "
        "evenly, L2 pooling by each cell's share. Where a whole block is 0, the first cell wins.",
    )
    layout = figure.add_gridspec(2, 4, width_ratios=[2.06, 1, 1, 1])
    axes = figure.add_subplot(layout[:, 0])
    show_blocks(bare(axes, "x: a handwritten 3, with its winning units"), x, vmax=16)
    write_values(axes, x, size=9, dark_from=9)
    rows, columns = np.divmod(indices.ravel(), x.shape[1])
    axes.scatter(columns, rows, s=360, facecolors="none", edgecolors="white", linewidths=4)
    axes.scatter(columns, rows, s=360, facecolors="none", edgecolors=VERMILION, linewidths=2.2)
    for column, (name, pooled, how, gradient) in enumerate(kinds, start=1):
        top = bare(figure.add_subplot(layout[0, column]), f"y: {name}")
        top.imshow(pooled, cmap=AMOUNT, vmin=0, vmax=float(pooled.max()))
        write_values(top, pooled, "{:.3g}", dark_from=0.55 * float(pooled.max()))
        show_gradient(figure, layout[1, column], f"dx: {how}", gradient)
    return save(figure, stage.path("pooling.png"))


def show_gradient(figure: "Figure", place: "SubplotSpec", title: str, gradient: Array) -> None:
    """What comes back to the input; cells that get nothing stay white."""
    axes = bare(figure.add_subplot(place), title)
    show_blocks(axes, np.ma.masked_equal(gradient, 0), vmax=float(gradient.max()), line="#c8c8c8")
    for row, column in zip(*np.nonzero(gradient), strict=True):
        value = gradient[row, column]
        colour = "white" if value < 0.55 * gradient.max() else "#222222"
        axes.text(column, row, f"{value:.2g}", ha="center", va="center", fontsize=6.3, color=colour)


def show_blocks(axes: "Axes", x: Array, vmax: float, line: str = "white") -> None:
    """An image with the borders of its 2x2 blocks."""
    axes.imshow(x, cmap=AMOUNT, vmin=0, vmax=vmax)
    for edge in range(0, x.shape[0] + 1, SIZE):
        axes.axhline(edge - 0.5, color=line, linewidth=1.2)
        axes.axvline(edge - 0.5, color=line, linewidth=1.2)
    axes.set_xlim(-0.5, x.shape[1] - 0.5)
    axes.set_ylim(x.shape[0] - 0.5, -0.5)


def draw_photograph(stage: Stage) -> Path:
    """The middle of the flower, pooled in blocks of 12 by 12."""
    colours = np.ascontiguousarray(photograph("flower")[:, 20:404, 120:552])
    x = colours[np.newaxis]
    largest, indices = gemmconv.max_pool(x, BLOCK, return_indices=True, backend=stage.backend)
    mean = gemmconv.avg_pool(x, BLOCK, backend=stage.backend)
    # The L2 norm of a block of n cells is up to sqrt(n) times as bright: it is shown divided by that.
    norm = gemmconv.lp_pool(x, BLOCK, p=2, backend=stage.backend) / BLOCK
    figure = new_figure(
        13.2,
        4.0,
        f"A flower, {BLOCK * BLOCK} pixels at a time",
        f"Each colour is pooled in blocks of {BLOCK}×{BLOCK}. Dots mark the brightest red of each block: its winning "
        "unit.",
    )
    views = figure.subplots(1, 4)
    bare(views[0], "x, with the winning units of red").imshow(for_display(colours))
    rows, columns = np.divmod(indices[0, 0].ravel(), x.shape[-1])
    views[0].scatter(columns, rows, s=2.5, color="white", linewidths=0)
    for axes, title, pooled in zip(
        views[1:], ("max pooling", "average pooling", f"L2 pooling / {BLOCK}"), (largest, mean, norm), strict=True
    ):
        bare(axes, title).imshow(for_display(pooled[0]))
    return save(figure, stage.path("pooling_photograph.png"))
