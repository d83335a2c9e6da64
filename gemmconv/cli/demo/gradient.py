"""The input gradient twice, with one answer: col2im of a product, and a convolution with the rotated kernel.

A bank of kernels filters the flower, y = conv(x, w); the cost C is half the sum of y squared, so that dC/dy = y. Then
dC/dx is ``col2im(W^T . dy)`` (the chain rule through the patch matrix), and also the full convolution of dy with
``rot180(w)`` (the derivation's rotated-kernel formula).
"""

from pathlib import Path

import numpy as np

import gemmconv
from gemmconv.annotations import Array
from gemmconv.cli.demo.images import photograph
from gemmconv.cli.demo.orientations import ORIENTATIONS, gabor_bank
from gemmconv.cli.demo.stage import Outcome, Picture, Stage
from gemmconv.cli.demo.style import AMOUNT, bare, new_figure, save, show_signed

STEP = 4  # of the 17 x 17 kernels, every fourth row and column: 5 x 5


def run(stage: Stage) -> Outcome:
    """Compute the gradient by both and by `conv_backward_input`, in float32, and compare in units of the bound."""
    x = photograph("flower")[np.newaxis]
    w = colour_kernels()
    dy = gemmconv.conv(x, w, backend=stage.backend)
    scattered = by_col2im(dy, w, x.shape, stage.backend)
    rotated = by_rotated_kernel(dy, w, stage.backend)
    library = gemmconv.conv_backward_input(dy, w, x.shape, backend=stage.backend)
    bound = allowed(dy, w, x.shape)
    largest = max(float(abs(scattered - rotated).max()), float(abs(scattered - library).max()))
    share = max(float((abs(scattered - other) / bound).max()) for other in (rotated, library))
    passed = share <= 1
    path = draw(stage, dy[0], scattered[0], rotated[0], bound[0])
    lines = (
        f"col2im(W^T . dy) and conv(dy, rot180(w)) differ by at most {largest:.2e}; gradients reach "
        f"{abs(library).max():.2f}",
        f"rounding allows up to {bound.max():.2e} at one cell; the worst cell uses {share:.0%} of what it may: "
        + ("they agree" if passed else "they DISAGREE"),
    )
    figures = {"largest_difference": largest, "largest_bound": float(bound.max()), "share_of_bound": share}
    shows = "the gradient of a filtered flower, computed twice, and their difference: rounding alone"
    return Outcome(lines, figures, (Picture(path, shows),), passed)


def colour_kernels() -> Array:
    """(8, 3, 5, 5): a coarse Gabor kernel for each direction, on opposed colours."""
    coarse = gabor_bank()[:ORIENTATIONS, 0, ::STEP, ::STEP]
    opponents = np.stack([np.roll([1.0, -0.5, -0.5], index) for index in range(ORIENTATIONS)])
    return np.ascontiguousarray(coarse[:, np.newaxis] * opponents[:, :, np.newaxis, np.newaxis], np.float32)


def by_col2im(dy: Array, w: Array, x_shape: tuple[int, ...], backend: str | None) -> Array:
    """``dpatches[Q, P] = W[K, Q]^T . dy[K, P]``, then overlaps add."""
    kernels = w.reshape(w.shape[0], -1)
    patches = kernels.T @ dy.reshape(*dy.shape[:2], -1)
    return gemmconv.col2im(patches, x_shape[2:], w.shape[2:], backend=backend)


def by_rotated_kernel(dy: Array, w: Array, backend: str | None) -> Array:
    """Every overlap of dy with the kernels rotated by 180 degrees, input and output channels swapped."""
    return gemmconv.conv(dy, gemmconv.rot180(np.swapaxes(w, 0, 1)), padding="full", backend=backend)


def allowed(dy: Array, w: Array, x_shape: tuple[int, ...]) -> Array:
    """The bound on the rounding errors of both computations at each cell: ``2 u sqrt(n) (|dy| conv |w|)``."""
    magnitude = gemmconv.conv_backward_input(abs(dy).astype(np.float64), abs(w).astype(np.float64), x_shape)
    terms = w.shape[0] * w.shape[2] * w.shape[3]
    return 2 * 2 * float(np.finfo(dy.dtype).eps) / 2 * float(np.sqrt(terms)) * magnitude


def percent(share: float, _: object = None) -> str:
    """A tick of the colour bar."""
    return f"{share:.0%}"


def draw(stage: Stage, dy: Array, scattered: Array, rotated: Array, bound: Array) -> Path:
    """The answer of one kernel, both gradients, and their difference."""
    difference = abs(scattered - rotated)
    figure = new_figure(
        11.4,
        8.9,
        "One gradient, two roads: col2im, or a convolution with the rotated kernel",
        f"Eight 5×5 colour kernels filter the flower; the cost is ½ Σ y², so dC/dy = y. Its gradient in x goes once "
        "through the patch matrix and col2im, once through the full convolution with rot180(w). The largest "
        f"difference is {difference.max():.1e}; rounding in float32 allows {bound.max():.1e}. Red channel shown; "
        "orange is negative, purple positive.",
    )
    views = figure.subplots(2, 2)
    show_signed(bare(views[0, 0], "dC/dy = y, of the first kernel"), dy[0], float(np.quantile(abs(dy[0]), 0.995)))
    limit = float(np.quantile(abs(scattered[0]), 0.995))
    show_signed(bare(views[0, 1], "dC/dx by col2im(Wᵀ · dy)"), scattered[0], limit)
    show_signed(bare(views[1, 0], "dC/dx by conv(dy, rot180(w), padding='full')"), rotated[0], limit)
    axes = bare(views[1, 1], "their difference, as a share of what rounding allows at that pixel")
    share = difference[0] / bound[0]
    image = axes.imshow(share, cmap=AMOUNT, vmin=0, vmax=float(np.quantile(share, 0.999)))
    scale = figure.colorbar(
        image, cax=axes.inset_axes((0.56, 0.12, 0.4, 0.035)), orientation="horizontal", format=percent
    )
    scale.outline.set_visible(False)
    scale.ax.tick_params(colors="white", length=0, labelsize=9)
    return save(figure, stage.path("gradient.png"))
