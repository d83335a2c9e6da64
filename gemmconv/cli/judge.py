"""The three passes computed independently, to compare answers with: NumPy, one matrix product for each kernel cell.

This shares no code with the library's strategies or its reference backend, and computes in a wider dtype than theirs.
With the absolute values of the operands it gives ``|x| conv |w|``, the quantity that error bounds are relative to.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from gemmconv.annotations import Array
from gemmconv.cli.problems import Problem


def exact(problem: Problem, pass_: str, first: Array, second: Array, dtype: type[np.floating] = np.longdouble) -> Array:
    """One pass of ``problem``, NCHW.

    Parameters
    ----------
    problem : Problem
    pass_ : {"forward", "backward_input", "backward_weight"}
    first, second : ndarray
        x, w | dy, w | dy, x.
    dtype : type
        The dtype to compute in: `numpy.longdouble` to check float64; `numpy.float64`, with the speed of BLAS, to check
        float32.

    Returns
    -------
    ndarray
        y (N, K, *output) | dx (N, C, *spatial) | dw (K, C/groups, *kernel), of ``dtype``.
    """
    first, second = first.astype(dtype), second.astype(dtype)
    if pass_ == "forward":
        return forward(problem, first, second)
    if pass_ == "backward_input":
        return backward_input(problem, first, second)
    return backward_weight(problem, first, second)


def forward(problem: Problem, x: Array, w: Array) -> Array:
    """The sum over kernel cells of ``y[n] += w[cell] . x[n, window(cell)]`` (eq. 7 in ``docs/derivation.md``)."""
    padded, weights = split_groups(problem, pad(problem, x)), weights_by_group(problem, w)
    batch, groups, outputs = problem.x_shape[0], problem.groups, int(np.prod(problem.output))
    y = np.zeros((batch, groups, problem.w_shape[0] // groups, outputs), x.dtype)
    for cell, window in cells(problem):
        y += weights[cell] @ padded[window].reshape(batch, groups, problem.w_shape[1], outputs)
    return y.reshape(problem.y_shape)


def backward_input(problem: Problem, dy: Array, w: Array) -> Array:
    """The adjoint: ``dx[n, window(cell)] += w[cell]^T . dy[n]``."""
    batch, groups, outputs = problem.x_shape[0], problem.groups, int(np.prod(problem.output))
    padded = split_groups(problem, pad(problem, np.zeros(problem.x_shape, dy.dtype)))
    weights, deltas = weights_by_group(problem, w), dy.reshape(batch, groups, problem.w_shape[0] // groups, outputs)
    for cell, window in cells(problem):
        share = np.swapaxes(weights[cell], -1, -2) @ deltas
        padded[window] += share.reshape(*share.shape[:3], *problem.output)
    ends = zip(problem.padding, problem.x_shape[2:], strict=True)
    inside: tuple[Any, ...] = (..., *(slice(low, low + size) for (low, _), size in ends))
    return np.asarray(padded[inside].reshape(problem.x_shape))


def backward_weight(problem: Problem, dy: Array, x: Array) -> Array:
    """For each kernel cell ``dw[cell] = sum over n of dy[n] . x[n, window(cell)]^T`` (eq. 13)."""
    padded = split_groups(problem, pad(problem, x))
    batch, groups, outputs = problem.x_shape[0], problem.groups, int(np.prod(problem.output))
    deltas = dy.reshape(batch, groups, problem.w_shape[0] // groups, outputs)
    dw = np.zeros(problem.w_shape, x.dtype)
    by_group = weights_by_group(problem, dw)
    for cell, window in cells(problem):
        patches = padded[window].reshape(batch, groups, problem.w_shape[1], outputs)
        by_group[cell] = (deltas @ np.swapaxes(patches, -1, -2)).sum(axis=0)
    return dw


def cells(problem: Problem) -> Iterator[tuple[tuple[Any, ...], tuple[slice, ...]]]:
    """For each kernel cell its index in ``w``, and the index of what it reads in padded (N, groups, C/groups, ...)."""
    whole = (slice(None),) * 3
    for place in np.ndindex(*problem.w_shape[2:]):
        axes = zip(place, problem.dilation, problem.stride, problem.output, strict=True)
        window = tuple(slice(i * d, i * d + s * (out - 1) + 1, s) for i, d, s, out in axes)
        rotated = tuple(size - 1 - i for size, i in zip(problem.w_shape[2:], place, strict=True))
        yield (..., *(rotated if problem.flip else place)), (*whole, *window)


def pad(problem: Problem, x: Array) -> Array:
    """``x`` with its zero padding."""
    return np.pad(x, ((0, 0), (0, 0), *problem.padding))


def split_groups(problem: Problem, x: Array) -> Array:
    """(N, C, ...) as (N, groups, C/groups, ...)."""
    return x.reshape(x.shape[0], problem.groups, problem.w_shape[1], *x.shape[2:])


def weights_by_group(problem: Problem, w: Array) -> Array:
    """(K, C/groups, ...) as (groups, K/groups, C/groups, ...), a view."""
    return w.reshape(problem.groups, -1, *w.shape[1:])
