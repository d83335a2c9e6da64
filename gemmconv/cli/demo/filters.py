"""Edges and blur of a photograph, by true convolution (``flip=True``, eq. 2 of the derivation)."""

from pathlib import Path

import numpy as np

import gemmconv
from gemmconv.annotations import Array
from gemmconv.cli.demo.images import for_display, grey, mirrored, photograph
from gemmconv.cli.demo.stage import Outcome, Picture, Stage
from gemmconv.cli.demo.style import bare, kernel_inset, new_figure, save, show_signed

SOBEL_X = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], np.float32)
SOBEL_Y = np.ascontiguousarray(SOBEL_X.T)
LAPLACIAN = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], np.float32)


def gaussian(radius: int, sigma: float) -> Array:
    """The bell curve on (2*radius+1)^2 cells, its sum 1."""
    line = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    bell = np.outer(line, line)
    return np.asarray(bell / bell.sum(), np.float32)


def run(stage: Stage) -> Outcome:
    """Filter the temple, draw the six views."""
    colours = photograph("china")
    blurred = blur(colours, gaussian(9, 3.0), stage.backend)
    across, down, curvature = gradients(grey(colours), stage.backend)
    strength = np.hypot(across, down)
    sharpened = colours - 0.8 * curvature
    path = draw(stage, colours, blurred, sharpened, across, strength, curvature)
    lines = (
        f"blur keeps the mean brightness: {colours.mean():.4f} before, {blurred.mean():.4f} after",
        f"one call gives both Sobel derivatives and the Laplacian: strongest edge {strength.max():.2f} per pixel",
    )
    figures = {
        "mean_before_blur": float(colours.mean()),
        "mean_after_blur": float(blurred.mean()),
        "strongest_edge": float(strength.max()),
    }
    shows = "a temple, blurred, sharpened, its Sobel and Laplacian edges, with the kernels that did it"
    return Outcome(lines, figures, (Picture(path, shows),))


def blur(colours: Array, kernel: Array, backend: str | None) -> Array:
    """Each colour convolved with the same kernel: three groups of one channel."""
    margin = kernel.shape[0] // 2
    x = mirrored(colours, margin)[np.newaxis]
    w = np.tile(kernel, (3, 1, 1, 1))
    blurred: Array = gemmconv.conv(x, w, groups=3, flip=True, backend=backend)[0]
    return blurred


def gradients(brightness: Array, backend: str | None) -> Array:
    """(3, H, W): both Sobel derivatives, in brightness per pixel, and the Laplacian, by one convolution."""
    x = mirrored(brightness, 1)[np.newaxis, np.newaxis]
    w = np.stack([SOBEL_X / 8, SOBEL_Y / 8, LAPLACIAN])[:, np.newaxis]
    filtered: Array = gemmconv.conv(x, w, flip=True, backend=backend)[0]
    return filtered


def draw(
    stage: Stage, colours: Array, blurred: Array, sharpened: Array, across: Array, strength: Array, curvature: Array
) -> Path:
    """The six views."""
    figure = new_figure(
        13.2,
        7.3,
        "Blur and edges are convolutions",
        "True convolution: the kernel in each corner is rotated by 180° before it slides (flip=True). Orange is "
        "negative, purple positive. The blur takes each colour as a group of its own; the derivatives come from one "
        "call with three kernels. The borders continue as in a mirror.",
    )
    views = figure.subplots(2, 3)
    bare(views[0, 0], "photograph").imshow(for_display(colours))
    bare(views[0, 1], "Gaussian blur, σ = 3 pixels").imshow(for_display(blurred))
    kernel_inset(views[0, 1], gaussian(9, 3.0))
    bare(views[0, 2], "sharpened: photograph − 0.8 × Laplacian").imshow(for_display(sharpened))
    show_signed(bare(views[1, 0], "Sobel derivative, left to right"), across, float(np.quantile(abs(across), 0.995)))
    kernel_inset(views[1, 0], SOBEL_X)
    bare(views[1, 1], "edge strength: length of both Sobel derivatives").imshow(
        strength, cmap="Greys", vmin=0, vmax=float(np.quantile(strength, 0.99))
    )
    show_signed(bare(views[1, 2], "Laplacian"), curvature, float(np.quantile(abs(curvature), 0.99)))
    kernel_inset(views[1, 2], LAPLACIAN)
    return save(figure, stage.path("filters.png"))
