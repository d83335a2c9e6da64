"""Plans: a convolution analysed once and run many times, and the strategies that they choose among."""

from collections.abc import Sequence

from numpy.typing import DTypeLike

from gemmconv import _core
from gemmconv.annotations import Padding, PerAxis
from gemmconv.backends import backend_named
from gemmconv.backends.protocol import Plan
from gemmconv.settings import current


def plan(
    pass_: str,
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    *,
    dtype: DTypeLike = "float32",
    stride: PerAxis = 1,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    flip: bool = False,
    layout: str = "NCHW",
    activation: str | None = None,
    strategy: str = "auto",
    backend: str = "cpu",
) -> Plan:
    """Analyse a convolution once, to run it many times.

    Parameters
    ----------
    pass_ : {"forward", "backward_input", "backward_weight"}
        What is computed: ``y``, ``dx`` or ``dw``. The shapes are those of the forward pass in all three.
    x_shape : sequence of int
        ``(N, C, *spatial)``, or ``(N, *spatial, C)`` for ``layout="NHWC"``.
    w_shape : sequence of int
        ``(K, C/groups, *kernel)``.
    dtype : {"float32", "float64"}
        Of all arrays.
    stride, padding, dilation, groups, flip, layout, activation, strategy
        As in `conv`.
    backend : {"cpu", "reference"}
        Where it runs.

    Returns
    -------
    Plan
        Called as ``plan(x, w, bias)``, ``plan(dy, w)`` or ``plan(dy, x)``, with ``out=`` where wanted. It has
        ``strategy``, ``variant``, ``output_shape``, ``flops``, ``workspace_bytes``, ``error_bound``, ``explain()`` and
        ``pack(w)``, and runs under the settings (`options`) that it was made under.

    Raises
    ------
    ValueError
        If the shapes and options do not fit each other, or a word is unknown.
    TypeError
        If the dtype is not supported.
    UnsupportedError
        If the named strategy cannot do this problem.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> plan = gemmconv.plan("forward", (1, 3, 32, 32), (6, 3, 5, 5), dtype="float64")
    >>> plan.output_shape
    (1, 6, 28, 28)
    >>> w = np.ones((6, 3, 5, 5))
    >>> packed = plan.pack(w)
    >>> float(plan(np.ones((1, 3, 32, 32)), packed)[0, 0, 0, 0])
    75.0
    """
    geometry = _core.Geometry(
        x_shape, w_shape, stride=stride, padding=padding, dilation=dilation, groups=groups, flip=flip, layout=layout
    )
    return backend_named(backend).plan(
        pass_,
        geometry,
        dtype=dtype,
        activation=activation,
        strategy=strategy,
        settings=current.get(),
    )


def strategies(backend: str = "cpu") -> dict[str, tuple[str, ...]]:
    """The strategies of a backend and the variants of each, in the order in which they are tried.

    Parameters
    ----------
    backend : {"cpu", "reference"}
        Whose strategies.

    Returns
    -------
    dict of str to tuple of str
        The keys, and ``"strategy/variant"`` for each variant, are what the argument ``strategy`` of `conv` and `plan`
        takes beside ``"auto"`` and ``"measure"``.

    Raises
    ------
    ValueError
        If there is no backend of that name.

    Examples
    --------
    >>> import gemmconv
    >>> gemmconv.strategies("reference")
    {'direct': ('loops',)}
    >>> "im2col" in gemmconv.strategies()
    True
    """
    return backend_named(backend).strategies()
