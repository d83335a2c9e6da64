"""The training of the network of digits, and its results on digits that it was not trained on."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gemmconv.cli.demo.stage import Stage
from gemmconv.cli.demo.style import BLUE, INK, VERMILION, bare, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import SubplotSpec

    from gemmconv.nn.digits import DigitsRun

MOST_MISTAKES = 9


def draw(stage: Stage, trained: "DigitsRun") -> Path:
    """Loss curve, confusion matrix and mistakes, side by side."""
    figures = trained.figures
    figure = new_figure(
        13.2,
        5.0,
        f"{figures['accuracy']:.1%} of the digits it never saw are read right",
        f"Trained on {figures['examples']:,} scans of 8×8 pixels in {figures['seconds']:.1f} s, tried on "
        f"{figures['held_out']} others. The loss in training is measured with dropout, which makes the task harder, so "
        "it can lie above the held-out one.",
    )
    layout = figure.add_gridspec(1, 3, width_ratios=[1.35, 1.15, 0.95])
    draw_losses(figure.add_subplot(layout[0]), trained)
    draw_confusion(figure.add_subplot(layout[1]), trained)
    draw_mistakes(figure, layout[2], trained)
    return save(figure, stage.path("digits_tried.png"))


def draw_losses(axes: "Axes", trained: "DigitsRun") -> None:
    """Both losses, epoch by epoch, each named at its end."""
    from matplotlib.ticker import MaxNLocator

    axes.set_title("cross-entropy loss")
    epochs = np.arange(1, len(trained.history) + 1)
    for name, label, colour in (("loss", "training", BLUE), ("validation_loss", "held out", VERMILION)):
        axes.plot(epochs, trained.history[name], color=colour, linewidth=2, marker="o", markersize=3, label=label)
    axes.legend(frameon=False, labelcolor="linecolor")
    axes.set_yscale("log")
    axes.set_xlim(0, len(epochs) + 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")


def draw_confusion(axes: "Axes", trained: "DigitsRun") -> None:
    """The confusion matrix, with the mistakes in colour."""
    counts = np.zeros((10, 10), np.int64)
    np.add.at(counts, (trained.digits.t_test, trained.predicted), 1)
    axes.set_title("confusion matrix")
    axes.imshow(counts, cmap="Greys", vmin=0, vmax=1.6 * counts.max())
    for row, column in zip(*np.nonzero(counts), strict=True):
        wrong = row != column
        axes.text(
            column,
            row,
            str(counts[row, column]),
            ha="center",
            va="center",
            fontsize=9,
            color=VERMILION if wrong else INK,
            fontweight="bold" if wrong else "normal",
        )
    axes.set_xticks(range(10))
    axes.set_yticks(range(10))
    axes.tick_params(length=0)
    axes.set_xlabel("read as")
    axes.set_ylabel("written")


def draw_mistakes(figure: "Figure", place: "SubplotSpec", trained: "DigitsRun") -> None:
    """The digits that were classified wrongly, as many as fit."""
    wrong = np.flatnonzero(trained.predicted != trained.digits.t_test)[:MOST_MISTAKES]
    if not wrong.size:
        bare(figure.add_subplot(place), "no mistakes")
        return
    side = 2 if wrong.size <= 4 else 3
    views = place.subgridspec(side, side).subplots(squeeze=False)
    for axes in views.ravel():
        bare(axes)
    for axes, index in zip(views.ravel(), wrong, strict=False):
        axes.imshow(trained.digits.x_test[index, 0], cmap="Greys")
        axes.set_title(f"{trained.digits.t_test[index]} read as {trained.predicted[index]}")
