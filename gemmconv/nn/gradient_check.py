"""Backpropagation against central differences: ``dC/dw ~ (C(w + h) - C(w - h)) / 2h``, element by element."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gemmconv.annotations import Array
from gemmconv.backends import array_module, backend_of, to_numpy
from gemmconv.nn.layer import Layer, Mode
from gemmconv.nn.losses import Loss, SquaredError
from gemmconv.nn.network import Network

EPSILON = float(np.finfo(np.float64).eps)

RETRIES = ((0.1, 0.1), (0.01, 0.01), (0.001, 0.001), (0.002, 0.0), (0.0, 0.002))
"""Multiples of the step, above and below the value, that are tried if (1, 1) does not agree."""


@dataclass(frozen=True)
class Element:
    """One compared element: its index, both values, and their difference as a share of the tolerance."""

    array: str
    index: tuple[int, ...]
    computed: float
    numerical: float
    share: float


@dataclass(frozen=True)
class GradientCheck:
    """The result of `check_gradients`.

    Attributes
    ----------
    ok : bool
        Whether every compared element agrees.
    worst : Element
        The element that agrees least: ``array``, ``index``, ``computed``, ``numerical``, and ``share``, its difference
        as a share of what is allowed.
    compared : dict of str to int
        How many elements of each array were compared.
    tolerance : float
        The allowed difference, relative to the largest element of the array.
    """

    ok: bool
    worst: Element
    compared: dict[str, int]
    tolerance: float

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        worst = self.worst
        place = f"{worst.array}[{', '.join(map(str, worst.index))}]"
        return (
            f"gradients {'agree' if self.ok else 'DIFFER'}: of {sum(self.compared.values())} elements the worst is "
            f"{place}, computed {worst.computed:.9g}, by central differences {worst.numerical:.9g} "
            f"({worst.share:.2g} of what is allowed)"
        )


def check_gradients(
    network_or_function: Network | Layer | Callable[..., Any],
    *arrays: Any,
    backward: Callable[..., Any] | None = None,
    loss: Loss | None = None,
    step: float = 1e-5,
    tolerance: float = 1e-6,
    max_elements: int | None = 100,
    seed: int = 0,
) -> GradientCheck:
    """Compare derivatives with central differences, in float64.

    Parameters
    ----------
    network_or_function : Network, Layer or callable
        A network; a layer by itself; or a function of arrays.
    *arrays : array
        For a network the batch and its targets. For a layer the batch. For a function its arguments.
    backward : callable, optional
        For a function ``y = f(*arrays)``: the one that is checked, ``backward(dy, *arrays)``, which gives the
        derivative with respect to the array, or a sequence with one for each (None for those it does not have).
        Without it, ``f(*arrays)`` must give the pair of a number and its derivatives.
    loss : Loss, optional
        For a network: as in `Network.fit`.
    step : float
        The ``h`` of the central difference, relative to the largest element of the array where that is above one.
    tolerance : float
        The allowed difference, relative to the largest element of the array's gradient.
    max_elements : int, optional
        How many elements of each array are compared, drawn with ``seed``; None compares all.
    seed : int
        Also of dropout, of the random ``dy`` of a function and of the targets of a layer.

    Returns
    -------
    GradientCheck
        True in an ``if`` when all agree; printed, it names the worst element, its place and both values.

    Raises
    ------
    ValueError
        If the number of derivatives is not that of the arrays, or a shape differs.

    Notes
    -----
    Where a kink of ``relu``, or a change of a maximum's winner, lies within the step, the difference quotient mixes
    both sides. Such an element is compared again with smaller steps, and at last with the quotients of each side alone,
    for a kink that lies at the point itself; it agrees if it agrees with one of them. Where several units stand on
    their kinks at once, as the black background of a scan makes them, there is no derivative to agree with: add a
    little noise to such a batch.

    A network and its layers are copied: the check changes neither weights nor running statistics.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> from gemmconv import nn
    >>> generator = np.random.default_rng(0)
    >>> x, w = generator.normal(size=(2, 3, 6, 6)), generator.normal(size=(4, 3, 3, 3))
    >>> found = nn.check_gradients(gemmconv.conv, x, w, backward=lambda dy, x, w: gemmconv.conv_backward(dy, x, w)[:2])
    >>> found.ok, found.compared
    (True, {'array 0': 100, 'array 1': 100})
    >>> wrong = nn.check_gradients(np.sin, x, backward=lambda dy, x: dy)
    >>> wrong.ok, wrong.worst.array
    (False, 'array 0')
    """
    if isinstance(network_or_function, Layer):
        network_or_function = Network([network_or_function])
    if isinstance(network_or_function, Network):
        checked, cost, gradients = of_network(network_or_function, arrays, loss, seed)
    else:
        checked, cost, gradients = of_function(network_or_function, arrays, backward, seed)
    generator = np.random.default_rng(seed)
    worst: Element | None = None
    compared = {}
    for name, gradient in gradients.items():
        array = checked[name]
        if gradient.shape != array.shape:
            raise ValueError(f"the derivative of {name} has shape {gradient.shape}, but {name} has {array.shape}")
        count = array.size if max_elements is None else min(array.size, max_elements)
        places = np.sort(generator.choice(array.size, count, replace=False))
        compared[name] = count
        for element in compare(name, array, gradient, places, cost, step, tolerance):
            # a NaN is not smaller than anything, so it is retained
            if worst is None or not element.share <= worst.share:
                worst = element
                if not np.isfinite(element.share):
                    return GradientCheck(False, worst, compared, tolerance)
    if worst is None:
        raise ValueError("there is no element to compare: every array is empty, or has no derivative")
    return GradientCheck(worst.share <= 1, worst, compared, tolerance)


Checked = tuple[dict[str, Array], Callable[[], tuple[float, float]], dict[str, Array]]
"""The arrays, the function that gives their cost (and the size of the terms it sums), and the computed derivatives."""


def of_network(network: Network, arrays: Sequence[Any], loss: Loss | None, seed: int) -> Checked:
    """A float64 copy of the network, whose dropout drops the same units in every pass."""
    if not 1 <= len(arrays) <= 2:
        raise ValueError(f"a network is checked on a batch and its targets, not on {len(arrays)} arrays")
    x: Array = array_module(arrays[0], network.backend).array(arrays[0], np.float64)
    if not network.built:
        network = network.astype(np.float64).build(x.shape, seed=seed, like=x)
    network = network.astype(np.float64)
    if len(arrays) == 2:
        t = arrays[1]
    else:
        t, loss = np.random.default_rng(seed).normal(size=network.predict(x).shape), loss or SquaredError()

    def mode() -> Mode:
        return Mode(training=True, generator=np.random.default_rng(seed), backend=network.backend)

    def cost() -> tuple[float, float]:
        value = network.gradients(x, t, loss=loss, mode=mode()).cost
        return value, abs(value)

    found = network.gradients(x, t, loss=loss, mode=mode(), needs_input=True)
    gradients = dict(found.parameters)
    if found.input is not None:
        gradients["input"] = found.input
    return {**network.parameters, "input": x}, cost, gradients


def of_function(
    function: Callable[..., Any], arrays: Sequence[Any], backward: Callable[..., Any] | None, seed: int
) -> Checked:
    """The cost ``sum(dy * f(arrays))`` with a random ``dy``, or the function's value if that is a number."""
    own = [array_module(array).array(array, np.float64) for array in arrays]
    names = [f"array {number}" for number in range(len(own))]
    if backward is None:

        def cost() -> tuple[float, float]:
            value = float(function(*own)[0])
            return value, abs(value)

        found = function(*own)[1]
    else:
        y = function(*own)
        dy = array_module(y).asarray(np.random.default_rng(seed).normal(size=np.shape(y)))

        def cost() -> tuple[float, float]:
            products = dy * function(*own)
            return float(products.sum()), float(abs(products).sum())

        found = backward(dy, *own)
    if isinstance(found, Mapping):
        found = list(found.values())
    derivatives = [found] if backend_of(found) else list(found)
    if len(derivatives) != len(own):
        raise ValueError(f"there are {len(own)} arrays, but {len(derivatives)} derivatives (None for one it has not)")
    gradients = {
        name: array_module(array).asarray(array) for name, array in zip(names, derivatives) if array is not None
    }
    return dict(zip(names, own)), cost, gradients


def compare(
    name: str,
    array: Array,
    gradient: Array,
    places: Array,
    cost: Callable[[], tuple[float, float]],
    step: float,
    tolerance: float,
) -> list[Element]:
    """The elements at these indices, each with its difference as a share of the tolerance."""
    gradient = to_numpy(gradient)
    flat, computed = array.reshape(-1), gradient.reshape(-1)
    h = step * max(1.0, float(np.abs(to_numpy(array)).max(initial=0)))
    size = cost()[1]
    central = {int(place): quotient(flat, int(place), cost, h, h) for place in places}
    finite = gradient[np.isfinite(gradient)]
    largest = max([float(np.abs(finite).max(initial=0)), *map(abs, central.values())])

    def share(place: int, numerical: float, h: float) -> float:
        # the cost is rounded in each of the two passes; the quotient divides that by h
        allowed = tolerance * largest + 100 * EPSILON * size / h
        difference = abs(float(computed[place]) - numerical)
        return difference / allowed if allowed else (0.0 if difference == 0 else np.inf)

    elements = []
    for place, numerical in central.items():
        found = (share(place, numerical, h), numerical)
        if not found[0] <= 1:
            retried = [(above * h, below * h) for above, below in RETRIES]
            quotients = [(quotient(flat, place, cost, above, below), above + below) for above, below in retried]
            found = min([found, *((share(place, value, width / 2), value) for value, width in quotients)])
        index = tuple(int(i) for i in np.unravel_index(place, array.shape))
        elements.append(Element(name, index, float(computed[place]), found[1], found[0]))
    return elements


def quotient(flat: Array, place: int, cost: Callable[[], tuple[float, float]], above: float, below: float) -> float:
    """The difference quotient in one element, from its value minus ``below`` to its value plus ``above``.

    The element has its old value afterwards.
    """
    value = float(flat[place])
    flat[place] = high = value + above
    cost_above = cost()[0]
    flat[place] = low = value - below
    cost_below = cost()[0]
    flat[place] = value
    return (cost_above - cost_below) / (high - low)
