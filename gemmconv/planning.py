"""Plans, each a convolution analysed once and run many times; and the list of strategies that a plan chooses from."""

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
        What to compute: ``y``, ``dx`` or ``dw``. In all three cases the shapes below are those of the forward pass.
    x_shape : sequence of int
        The shape of ``x``: ``(N, C, *spatial)``, or ``(N, *spatial, C)`` for ``layout="NHWC"``.
    w_shape : sequence of int
        The shape of ``w``: ``(K, C/groups, *kernel)``.
    dtype : {"float32", "float64"}
        The dtype of all arrays.
    stride, padding, dilation, groups, flip, layout, activation, strategy
        As in `conv`. With a strategy and a variant, ``strategy="implicit/bands"``, the plan uses that variant or
        raises `UnsupportedError`.
    backend : {"cpu", "reference"}
        Where to compute.

    Returns
    -------
    Plan
        An object that is called as ``plan(x, w, bias)``, ``plan(dy, w)`` or ``plan(dy, x)``, according to the pass, and
        takes ``out=``. Its members are

        - ``strategy``, ``variant``: what was chosen, such as ``"implicit"`` and ``"bands"``;
        - ``output_shape``: the shape of the output;
        - ``flops``: the number of additions and multiplications;
        - ``workspace_bytes``: the scratch memory of one run;
        - ``error_bound``: the bound on each output's error, relative to ``|x| conv |w|`` at that output;
        - ``explain()``: a text with a line for each variant, which says whether it was chosen, by what estimated factor
          it is slower, or why it cannot do this problem, with its scratch memory and error bound;
        - ``pack(w)``: the weights in the order in which this plan reads them, to be passed in place of ``w``.

        A plan is immutable, holds no scratch memory and may be run by several threads at once. It always runs under
        the settings (see `options`) that were current when it was made.

    Raises
    ------
    ValueError
        If the shapes and options do not fit each other, or a name is unknown.
    TypeError
        If the dtype is not supported.
    UnsupportedError
        If the named strategy or variant cannot do this problem.

    See Also
    --------
    strategies : The strategies and variants that can be named.
    options : The settings that a plan is made under.

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
    >>> plan = gemmconv.plan("forward", (1, 3, 32, 32), (6, 3, 5, 5), strategy="implicit/bands")
    >>> plan.strategy, plan.variant
    ('implicit', 'bands')
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
    """The strategies of a backend, and the variants of each in the order in which they are tried.

    Parameters
    ----------
    backend : {"cpu", "reference"}
        The backend.

    Returns
    -------
    dict of str to tuple of str
        The names of the variants of each strategy. The argument ``strategy`` of `conv` and `plan` takes the name of a
        strategy, or ``"strategy/variant"``, as well as ``"auto"`` and ``"measure"``. A strategy without variants is not
        part of this version.

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
