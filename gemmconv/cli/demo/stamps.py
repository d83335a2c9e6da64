"""What ``flip`` means, with handwriting as the kernel: convolution stamps it upright, cross-correlation rotated."""

from pathlib import Path

import numpy as np

import gemmconv
from gemmconv.annotations import Array
from gemmconv.cli.demo.images import digit
from gemmconv.cli.demo.stage import Outcome, Picture, Stage
from gemmconv.cli.demo.style import AMOUNT, VERMILION, bare, new_figure, save

VALUES = (2, 4, 7)
SHAPE = (46, 78)


def run(stage: Stage) -> Outcome:
    """Convolve points of light with three handwritten digits, with and without ``flip``."""
    kernels = np.stack([digit(value, 1) for value in VALUES])[np.newaxis]
    points = scattered_points()
    upright = gemmconv.conv(points, kernels, padding="full", flip=True, backend=stage.backend)[0, 0]
    rotated = gemmconv.conv(points, kernels, padding="full", flip=False, backend=stage.backend)[0, 0]
    same = bool(
        np.allclose(
            rotated,
            gemmconv.conv(points, gemmconv.rot180(kernels), padding="full", flip=True, backend=stage.backend)[0, 0],
        )
    )
    path = draw(stage, kernels[0], points[0], upright, rotated)
    verdict = "agree" if same else "DIFFER"
    lines = (f"cross-correlation and convolution with rot180(w) {verdict}",)
    shows = "handwritten digits as kernels: convolution stamps them upright, cross-correlation rotated by 180 degrees"
    return Outcome(lines, {"correlation_is_convolution_with_rot180": same}, (Picture(path, shows),), same)


def scattered_points() -> Array:
    """(1, 3, H, W): a few points of light in each channel, on a loose grid so that the stamps do not touch."""
    generator = np.random.default_rng(7)
    points = np.zeros((1, len(VALUES), *SHAPE), np.float32)
    for row in range(2, SHAPE[0] - 2, 10):
        for column in range(2, SHAPE[1] - 2, 11):
            channel = generator.integers(len(VALUES))
            points[0, channel, row + generator.integers(3), column + generator.integers(3)] = generator.uniform(0.6, 1)
    return points


def draw(stage: Stage, kernels: Array, points: Array, upright: Array, rotated: Array) -> Path:
    """Kernels, points, and both results."""
    figure = new_figure(
        13.2,
        4.0,
        "Convolution stamps the kernel; cross-correlation stamps it rotated by 180°",
        "Each point of light lies in one of three channels (dot, square, triangle); the kernel of each channel is a "
        "handwritten 2, 4 or 7. flip=True is the convolution of mathematics, flip=False what machine learning calls "
        "convolution. gemmconv has all three passes of both.",
    )
    layout = figure.add_gridspec(1, 4, width_ratios=[0.2, 1, 1, 1])
    column = layout[0].subgridspec(len(VALUES), 1)
    for row, kernel in enumerate(kernels):
        bare(figure.add_subplot(column[row]), "w" if row == 0 else "").imshow(kernel, cmap=AMOUNT)
    axes = bare(figure.add_subplot(layout[1]), "x: points of light in three channels")
    axes.imshow(np.zeros_like(upright), cmap=AMOUNT, vmin=0, vmax=1)
    middle = (kernels.shape[-1] - 1) / 2  # with "full" padding the stamp of point p covers p to p + 7
    for marker, channel in zip("os^", points, strict=True):
        rows, columns = np.nonzero(channel)
        sizes = 45 * channel[rows, columns] ** 2
        axes.scatter(
            columns + middle, rows + middle, s=sizes, marker=marker, color="white", edgecolor=VERMILION, lw=0.8
        )
    bare(figure.add_subplot(layout[2]), "conv(x, w, flip=True)").imshow(upright, cmap=AMOUNT)
    bare(figure.add_subplot(layout[3]), "conv(x, w, flip=False)").imshow(rotated, cmap=AMOUNT)
    return save(figure, stage.path("flip.png"))
