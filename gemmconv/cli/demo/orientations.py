"""The direction of every edge of a photograph, by Gabor filters: the kind of kernel a network learns first."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import gemmconv
from gemmconv.annotations import Array
from gemmconv.cli.demo.images import for_display, grey, mirrored, photograph
from gemmconv.cli.demo.stage import Outcome, Picture, Stage
from gemmconv.cli.demo.style import GREEN, ORANGE, PURPLE, SKY, bare, new_figure, save, show_signed

if TYPE_CHECKING:
    from matplotlib.patches import Rectangle

ORIENTATIONS = 8
RADIUS = 8


def run(stage: Stage) -> Outcome:
    """Convolve the flower with the bank and colour each pixel by the direction that answers most."""
    colours = photograph("flower")
    kernels = gabor_bank()
    x = mirrored(grey(colours), RADIUS)[np.newaxis, np.newaxis]
    even, odd = np.split(gemmconv.conv(x, kernels, flip=True, backend=stage.backend)[0], 2)
    energy = np.hypot(even, odd)
    path = draw(stage, colours, kernels[:ORIENTATIONS, 0], energy)
    commonest = int(np.bincount(energy.argmax(axis=0).ravel(), weights=energy.max(axis=0).ravel()).argmax())
    angle = commonest * 180 // ORIENTATIONS
    lines = (
        f"{2 * ORIENTATIONS} kernels of {2 * RADIUS + 1} x {2 * RADIUS + 1} in one call; most edges run at {angle} "
        "degrees",
    )
    shows = "a flower, each edge coloured by its direction"
    return Outcome(lines, {"commonest_direction_degrees": angle}, (Picture(path, shows),))


def gabor_bank() -> Array:
    """(16, 1, 17, 17): a wave of 6 pixels under a bell curve in 8 directions, first even, then odd; no mean."""
    rows, columns = np.mgrid[-RADIUS : RADIUS + 1, -RADIUS : RADIUS + 1]
    bell = np.exp(-(rows**2 + columns**2) / (2 * 2.6**2))
    bank = []
    for phase in (0.0, np.pi / 2):
        for angle in np.arange(ORIENTATIONS) * np.pi / ORIENTATIONS:
            # Edges along `angle` (counted from the horizontal, upwards) vary across it.
            across = rows * np.cos(angle) + columns * np.sin(angle)
            kernel = bell * np.cos(2 * np.pi * across / 6 - phase)
            kernel -= bell * kernel.sum() / bell.sum()
            bank.append(kernel / np.linalg.norm(kernel))
    return np.stack(bank)[:, np.newaxis].astype(np.float32)


def palette() -> Array:
    """(8, 3): a circle of colours, one for each direction."""
    from matplotlib.colors import to_rgb

    corners = np.array([to_rgb(colour) for colour in (ORANGE, GREEN, SKY, PURPLE, ORANGE)])
    places = np.linspace(0, 4, ORIENTATIONS, endpoint=False)
    return np.stack([np.interp(places, np.arange(5), corners[:, channel]) for channel in range(3)], axis=-1)


def draw(stage: Stage, colours: Array, kernels: Array, energy: Array) -> Path:
    """The flower, the bank, and the flower by direction."""
    figure = new_figure(
        13.2,
        6.3,
        "In which direction does every edge run?",
        "Each kernel of the bank answers to edges of one direction. A pixel takes the colour of the direction that "
        "answers most there, brighter the stronger the answer: one convolution with sixteen 17×17 kernels, an even "
        "and an odd one for each of eight directions.",
    )
    layout = figure.add_gridspec(2, 2, height_ratios=[5, 1])
    bare(figure.add_subplot(layout[0, 0]), "photograph").imshow(for_display(colours))
    strength = np.clip(energy.max(axis=0) / np.quantile(energy.max(axis=0), 0.985), 0, 1) ** 0.6
    wheel = palette()
    bare(figure.add_subplot(layout[0, 1]), "direction of the strongest answer").imshow(
        wheel[energy.argmax(axis=0)] * strength[..., np.newaxis]
    )
    row = layout[1, :].subgridspec(1, ORIENTATIONS)
    for index, kernel in enumerate(kernels):
        axes = figure.add_subplot(row[index])
        show_signed(axes, kernel, float(abs(kernel).max()))
        bare(axes)
        axes.set_title(f"{index * 180 / ORIENTATIONS:g}°", loc="center", fontsize=9)
        axes.add_patch(rectangle_around(kernel, wheel[index]))
    return save(figure, stage.path("orientations.png"))


def rectangle_around(image: Array, colour: Array) -> "Rectangle":
    """A thick frame around an image of that size."""
    from matplotlib.patches import Rectangle

    height, width = image.shape
    return Rectangle((-0.5, -0.5), width, height, fill=False, edgecolor=colour, linewidth=5)
