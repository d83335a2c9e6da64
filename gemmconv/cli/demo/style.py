"""The style of all pictures: plain axes, a title that says what is shown, colours that colour-blind readers can tell.

Categories take Okabe and Ito's palette; signed values take matplotlib's ``PuOr``, amounts ``cividis``.
"""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gemmconv.annotations import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
CATEGORIES = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, YELLOW)
INK, FAINT = "#222222", "#6b6b6b"
SIGNED, AMOUNT = "PuOr", "cividis"
DPI = 130
RC: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#bbbbbb",
    "axes.linewidth": 0.8,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


def new_figure(width: float, height: float, title: str, caption: str) -> "Figure":
    """A figure with its title above and its caption below, both at the left edge; sizes in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    figure.set_layout_engine(
        "constrained", rect=(0.012, 0.012, 0.976, 0.976), w_pad=0.06, h_pad=0.06, wspace=0.015, hspace=0.02
    )
    figure.suptitle(title, x=0.017, ha="left", fontsize=14.5, fontweight="bold", color=INK)
    wrapped = "\n".join(textwrap.wrap(caption, int(width * 14)))
    figure.supxlabel(wrapped, x=0.017, ha="left", fontsize=9.5, color=FAINT, linespacing=1.35)
    return figure


def save(figure: "Figure", path: Path) -> Path:
    """Write the picture; its path."""
    figure.savefig(path, dpi=DPI)
    return path


def bare(axes: "Axes", title: str = "") -> "Axes":
    """Axes for an image: no ticks, no frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    if title:
        axes.set_title(title)
    return axes


def show_signed(axes: "Axes", x: Array, limit: float) -> Any:
    """An image of values from -limit (orange) over 0 (white) to limit (purple)."""
    return axes.imshow(x, cmap=SIGNED, vmin=-limit, vmax=limit)


def write_values(axes: "Axes", x: Array, form: str = "{:g}", size: float = 8, dark_from: float | None = None) -> None:
    """The value of each cell of ``x`` in its middle; white on cells below ``dark_from``."""
    for row in range(x.shape[0]):
        for column in range(x.shape[1]):
            dark = dark_from is not None and x[row, column] < dark_from
            axes.text(
                column,
                row,
                form.format(x[row, column]),
                ha="center",
                va="center",
                fontsize=size,
                color="white" if dark else INK,
            )


def kernel_inset(axes: "Axes", kernel: Array, size: float = 0.24) -> None:
    """The kernel, drawn in the lower right corner of an image."""
    inset = axes.inset_axes((1 - size - 0.015, 0.02, size, size * axes_ratio(axes)))
    limit = float(abs(kernel).max())
    show_signed(inset, kernel, limit)
    inset.set_xticks([])
    inset.set_yticks([])
    for spine in inset.spines.values():
        spine.set_visible(True)
        spine.set_color("white")
        spine.set_linewidth(2)
    if kernel.size <= 9:
        for row in range(kernel.shape[0]):
            for column in range(kernel.shape[1]):
                value = kernel[row, column]
                inset.text(
                    column,
                    row,
                    f"{value:g}".replace("-", "−"),
                    ha="center",
                    va="center",
                    fontsize=7.5,
                    color="white" if abs(value) > 0.7 * limit else INK,
                )


def axes_ratio(axes: "Axes") -> float:
    """Width over height of the image that the axes show."""
    left, right = axes.get_xlim()
    low, high = axes.get_ylim()
    return abs(right - left) / abs(high - low)
