"""What the network of digits learned: its first kernels, their responses to a digit, and the winning units."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gemmconv.annotations import Array
from gemmconv.cli.demo.stage import Stage
from gemmconv.cli.demo.style import AMOUNT, VERMILION, bare, new_figure, save, show_signed

if TYPE_CHECKING:
    from gemmconv.nn.digits import DigitsRun

SHOWN = 3  # a held-out digit of this value
COLUMNS = 8
POOL = 2


def draw(stage: Stage, trained: "DigitsRun") -> Path:
    """The kernels of the first layer, their maps of one digit, and the digit with the winning units."""
    from gemmconv.nn import Mode

    digits, network = trained.digits, trained.network
    right = (digits.t_test == SHOWN) & (trained.predicted == SHOWN)
    which = int(right.argmax())  # the first held-out digit if none was read right
    x = digits.x_test[which : which + 1]
    mode = Mode(backend=stage.backend)
    kernels = network.layers[0].parameters["weight"][:, 0]
    maps = network.layers[0].forward(x, mode)
    pooled, winners = network.layers[1].weighted_input(maps, mode)
    figure = new_figure(
        13.2,
        7.2,
        "What the network learned to look for",
        f"The {len(kernels)} kernels of the first convolution (orange is negative, purple positive), and below, in the "
        "same places, what each of them sees in the digit, after relu. On the digit, a dot marks a pixel that wins its "
        "2×2 block in max pooling, larger the more of the maps it wins; where a map is 0 in a whole block, none does.",
    )
    layout = figure.add_gridspec(2, 2, width_ratios=[1.05, 1])
    show_signed(
        bare(figure.add_subplot(layout[0, 0]), "learned kernels"), mosaic(kernels), 0.8 * float(abs(kernels).max())
    )
    bare(figure.add_subplot(layout[1, 0]), "their maps of the digit").imshow(
        mosaic(maps[0]), cmap=AMOUNT, vmin=0, vmax=float(np.quantile(maps, 0.99)) or 1.0
    )
    axes = bare(figure.add_subplot(layout[:, 1]), f"a {digits.t_test[which]}, read as {trained.predicted[which]}")
    axes.imshow(x[0, 0], cmap=AMOUNT)
    for edge in range(0, x.shape[2] + 1, POOL):
        axes.axhline(edge - 0.5, color="white", linewidth=0.8)
        axes.axvline(edge - 0.5, color="white", linewidth=0.8)
    wins = count_wins(winners, pooled, maps.shape)
    at_row, at_column = np.nonzero(wins)
    sizes = 800 * wins[at_row, at_column] / len(kernels)
    axes.scatter(at_column, at_row, s=sizes, color=VERMILION, edgecolors="white", linewidths=1.2)
    return save(figure, stage.path("digits_learned.png"))


def mosaic(images: Array) -> Array:
    """(count, H, W) as one image, eight in a row, with gaps between them that stay white."""
    count, height, width = images.shape
    rows, gap = -(-count // COLUMNS), max(1, height // 4)
    tiles = np.full((rows * (height + gap) - gap, COLUMNS * (width + gap) - gap), np.nan)
    for index, image in enumerate(images):
        row, column = divmod(index, COLUMNS)
        top, left = row * (height + gap), column * (width + gap)
        tiles[top : top + height, left : left + width] = image
    return tiles


def count_wins(winners: Array, pooled: Array, shape: tuple[int, ...]) -> Array:
    """(H, W): in how many of the maps each pixel is its block's winner."""
    cells = winners[pooled > 0] % (shape[2] * shape[3])
    return np.bincount(cells, minlength=shape[2] * shape[3]).reshape(shape[2:])
