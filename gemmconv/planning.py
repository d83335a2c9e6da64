"""Plans: a convolution analysed once and run many times."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike

from gemmconv import _core
from gemmconv.annotations import Array, Padding, PerAxis
from gemmconv.backends import backend_named
from gemmconv.settings import current


class Plan(Protocol):
    """What every backend's plan is: a frozen problem with its strategy, which one calls.

    ``plan(x, w, bias)``, ``plan(dy, w)`` or ``plan(dy, x)``, by its pass; ``out=`` takes the array to write into.
    A plan holds no scratch memory, and several threads may run it at once.
    """

    @property
    def pass_(self) -> str:
        """``"forward"``, ``"backward_input"`` or ``"backward_weight"``."""

    @property
    def geometry(self) -> _core.Geometry:
        """Sizes, strides, padding, dilation, groups, flip and layout."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of every array it takes and gives."""

    @property
    def strategy(self) -> str:
        """The name of the chosen strategy."""

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The whole shape of its answer."""

    @property
    def flops(self) -> float:
        """Additions and multiplications of the direct loop, padded cells included."""

    @property
    def workspace_bytes(self) -> int:
        """Scratch memory of one run, in bytes."""

    @property
    def error_bound(self) -> float:
        """The probable error of an output, as a part of ``|x| conv |w|`` at that output."""

    def explain(self) -> str:
        """Why this strategy: a line for each one there is."""

    def pack(self, w: Array) -> Any:
        """The weights laid out for this plan, to be passed in place of ``w``; later changes to ``w`` do not show."""

    def __call__(self, first: Array, second: Any, bias: Array | None = None, *, out: Array | None = None) -> Array:
        """Run it: ``(x, w, bias)``, ``(dy, w)`` or ``(dy, x)``."""


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
        ``strategy``, ``output_shape``, ``flops``, ``workspace_bytes``, ``error_bound``, ``explain()`` and
        ``pack(w)``, and keeps the settings (`options`) that it was made under.

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
        dtype="None" if dtype is None else np.dtype(dtype).name,  # NumPy reads None as float64
        activation=activation,
        strategy=strategy,
        settings=current.get(),
    )
