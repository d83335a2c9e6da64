"""The contestants: the strategies, the NumPy reference, scipy.signal, and the bare matrix product inside im2col."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import gemmconv
from gemmconv.annotations import Array
from gemmconv.cli.problems import Problem, channels_second, in_layout

SCIPY_FLOPS = 0.5e9


class Unable(Exception):
    """A contestant cannot do a problem. The message is the reason, as a phrase."""


@dataclass(frozen=True)
class Ready:
    """A contestant that is ready to do one problem."""

    call: Callable[[], Any]  # what is timed
    answer: Callable[[], Array]  # the same work, returned as a NumPy array to be checked
    error_bound: float | None = None  # None: another library, which states no bound
    strategy: str = ""
    workspace_bytes: int | None = None


@dataclass(frozen=True)
class Candidate:
    """A contestant: ``prepare(problem, pass_, first, second)`` raises `Unable` or `gemmconv.UnsupportedError`."""

    name: str
    prepare: Callable[[Problem, str, Array, Array], Ready]


def planned(
    name: str, *, strategy: str = "auto", backend: str = "cpu", reuse_output: bool = False, threads: int | None = None
) -> Candidate:
    """A gemmconv plan.

    With ``reuse_output`` every call writes to the same array, as a bare GEMM does. If ``threads`` is None, it uses the
    number of threads of the run.
    """

    def prepare(problem: Problem, pass_: str, first: Array, second: Array) -> Ready:
        with contextlib.nullcontext() if threads is None else gemmconv.options(threads=threads):
            plan = gemmconv.plan(
                pass_,
                in_layout(problem.x_shape, problem.layout),
                problem.w_shape,
                dtype=first.dtype.name,
                layout=problem.layout,
                strategy=strategy,
                backend=backend,
                **problem.options(),
            )
        out = np.empty(plan.output_shape, first.dtype) if reuse_output else None
        a, b = problem.arranged(pass_, first, second)

        def call() -> Array:
            return plan(a, b, out=out)

        def answer() -> Array:
            return channels_second(call(), pass_, problem.layout)

        return Ready(call, answer, plan.error_bound, name_of(plan.strategy, plan.variant), plan.workspace_bytes)

    return Candidate(name, prepare)


def strategy_names() -> list[str]:
    """The names that can be requested: each variant of each strategy, or the strategy alone if it has no more."""
    return [name_of(name, variant) for name, has in gemmconv.strategies("cpu").items() for variant in has or ("",)]


def name_of(strategy: str, variant: str) -> str:
    """The name in the tables: ``implicit/bands``, but ``direct``, which has one variant."""
    return f"{strategy}/{variant}" if len(gemmconv.strategies("cpu").get(strategy, ())) > 1 else strategy


def is_strategy(contestant: str) -> bool:
    """Whether a contestant's name is that of a strategy or of a variant of one."""
    return contestant.partition("/")[0] in {name.partition("/")[0] for name in strategy_names()}


def strategies() -> list[Candidate]:
    """A contestant for each of `strategy_names`."""
    return [planned(name, strategy=name) for name in strategy_names()]


REFERENCE = planned("reference", backend="reference")


def prepare_scipy(problem: Problem, pass_: str, first: Array, second: Array) -> Ready:
    """`scipy.signal.correlate`, with one call for each image and output channel."""
    from scipy.signal import correlate

    channels_second_only(problem)
    if problem.groups > 1 or {*problem.stride, *problem.dilation} != {1}:
        raise Unable("it has no stride, dilation or groups")
    if problem.flops > SCIPY_FLOPS:
        raise Unable(f"not asked beyond {SCIPY_FLOPS / 1e9:g} GFLOP, where a call takes many seconds")
    axes = tuple(range(2, len(problem.x_shape)))
    if pass_ == "forward":
        padded = np.pad(first, ((0, 0), (0, 0), *problem.padding))

        def call() -> Array:
            rows = [[correlate(image, kernel, mode="valid")[0] for kernel in second] for image in padded]
            return np.asarray(rows)

    elif pass_ == "backward_input":
        sizes = problem.w_shape[2:]
        ends = tuple((f - 1 - low, f - 1 - high) for f, (low, high) in zip(sizes, problem.padding, strict=True))
        if min(min(end) for end in ends) < 0:
            raise Unable("padding beyond the kernel")
        padded = np.pad(first, ((0, 0), (0, 0), *ends))
        rotated = np.ascontiguousarray(np.flip(second, axes).swapaxes(0, 1))

        def call() -> Array:
            rows = [[correlate(image, kernel, mode="valid")[0] for kernel in rotated] for image in padded]
            return np.asarray(rows)

    else:
        padded = np.pad(second, ((0, 0), (0, 0), *problem.padding))

        def call() -> Array:
            rows = [
                [correlate(image, delta[np.newaxis], mode="valid") for delta in deltas]
                for image, deltas in zip(padded, first, strict=True)
            ]
            return np.asarray(np.sum(rows, axis=0))

    return Ready(call, call)


SCIPY = Candidate("scipy.signal", prepare_scipy)


def prepare_gemm(problem: Problem, pass_: str, first: Array, second: Array) -> Ready:
    """The product of im2col alone, by NumPy's BLAS, over the whole batch at once; patches are gathered beforehand.

    K x Q weights, Q x (N*P) patches: forward ``w . patches``, weight gradient ``dy . patches^T``, input gradient
    ``w^T . dy`` without its col2im. The result is made into y, dw or dx only to check it.
    """
    channels_second_only(problem)
    if problem.groups > 1:
        raise Unable("the bare product is that of one group")
    batch, channels = problem.x_shape[0], problem.w_shape[0]
    if pass_ == "forward":
        left, right = second.reshape(channels, -1), side_by_side(patches(problem, first))
    elif pass_ == "backward_weight":
        left, right = side_by_side(first.reshape(batch, channels, -1)), side_by_side(patches(problem, second)).T
    else:
        left, right = second.reshape(channels, -1).T, side_by_side(first.reshape(batch, channels, -1))
    product = np.empty((left.shape[0], right.shape[1]), first.dtype)

    def call() -> Array:
        np.matmul(left, right, out=product)
        return product

    def answer() -> Array:
        call()
        if pass_ == "backward_weight":
            return product.reshape(problem.w_shape)
        stacked = np.ascontiguousarray(product.reshape(product.shape[0], batch, -1).swapaxes(0, 1))
        if pass_ == "forward":
            return stacked.reshape(problem.y_shape)
        return gather_back(problem, stacked)

    return Ready(call, answer)


GEMM = Candidate("bare GEMM", prepare_gemm)


def prepare_gemm_per_group(problem: Problem, pass_: str, first: Array, second: Array) -> Ready:
    """im2col, then one GEMM for each image and group, as early frameworks did: hundreds of tiny ones."""
    channels_second_only(problem)
    batch, groups, channels = problem.x_shape[0], problem.groups, problem.w_shape[0]

    def grouped(x: Array) -> Array:
        return gemmconv.im2col(x, problem.w_shape[2:], **patch_options(problem)).reshape(
            batch, groups, int(np.prod(problem.w_shape[1:])), -1
        )

    def call() -> Array:
        if pass_ == "forward":
            kernels = second.reshape(groups, channels // groups, -1)
            return np.asarray(np.matmul(kernels, grouped(first)).reshape(problem.y_shape))
        deltas = first.reshape(batch, groups, channels // groups, -1)
        if pass_ == "backward_weight":
            shares = np.matmul(deltas, grouped(second).swapaxes(-1, -2))
            return np.asarray(shares.sum(axis=0).reshape(problem.w_shape))
        product = np.matmul(second.reshape(groups, channels // groups, -1).swapaxes(-1, -2), deltas)
        return gather_back(problem, product.reshape(batch, -1, product.shape[-1]))

    return Ready(call, call)


GEMM_PER_GROUP = Candidate("GEMM per group", prepare_gemm_per_group)


def channels_second_only(problem: Problem) -> None:
    """Raise `Unable` for other layouts than NCHW."""
    if problem.layout != "NCHW":
        raise Unable("it takes NCHW")


def patches(problem: Problem, x: Array) -> Array:
    """The patches of x, as (N, Q, P)."""
    return gemmconv.im2col(x, problem.w_shape[2:], **patch_options(problem))


def gather_back(problem: Problem, columns: Array) -> Array:
    """dx: the patches (N, Q, P), with overlaps added."""
    return gemmconv.col2im(columns, problem.x_shape[2:], problem.w_shape[2:], **patch_options(problem))


def patch_options(problem: Problem) -> dict[str, Any]:
    """The options that patches share with the convolution."""
    return {name: getattr(problem, name) for name in ("stride", "padding", "dilation")}


def side_by_side(stacked: Array) -> Array:
    """(N, rows, columns) as (rows, N*columns)."""
    return np.ascontiguousarray(stacked.swapaxes(0, 1)).reshape(stacked.shape[1], -1)
