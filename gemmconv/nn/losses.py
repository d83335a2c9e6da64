"""The cost ``C`` and its derivative ``grad_a C`` with respect to the network's output, both means over the batch."""

from typing import Any

import numpy as np

from gemmconv import activate_backward
from gemmconv.annotations import Array
from gemmconv.backends import array_module

LABELS = "iub"
"""The kinds of dtype of labels: integers and booleans."""


class Loss:
    """A cost of outputs ``a`` against targets ``t``. A subclass defines `targets` and `evaluate`."""

    def targets(self, t: Any, dtype: np.dtype[Any]) -> Array:
        """``t`` in the form that this loss uses, for a network of that dtype; ValueError if it cannot be converted."""
        targets: Array = array_module(t).ascontiguousarray(t, dtype)
        return targets

    def evaluate(self, a: Array, t: Array) -> tuple[float, Array]:
        """The cost and its derivative with respect to ``a``.

        Parameters
        ----------
        a : array, (N, ...)
            The output of the network.
        t : array
            As `targets` made it.

        Returns
        -------
        cost : float
        gradient : array
            Of the shape and dtype of ``a``.
        """
        raise TypeError(f"{type(self).__name__} does not define evaluate(a, t)")

    def output_error(
        self, z: Array, a: Array, t: Array, activation: str | None, backend: str | None = None
    ) -> tuple[float, Array]:
        """The cost and the output error ``delta^L = grad_a C * sigma'(z^L)`` (step 3 of the algorithm)."""
        cost, gradient = self.evaluate(a, t)
        if activation is None:
            return cost, gradient
        return cost, activate_backward(gradient, z, activation, backend=backend)

    def correct(self, a: Array, t: Array) -> int | None:
        """How many of the outputs are correct; None if that has no meaning."""
        return None

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class SquaredError(Loss):
    """``C = 1/(2N) sum |a - t|**2``, whose derivative is ``(a - t) / N``.

    Examples
    --------
    >>> import numpy as np
    >>> from gemmconv import nn
    >>> nn.SquaredError().evaluate(np.array([[1.0, 2.0]]), np.array([[0.0, 0.0]]))
    (2.5, array([[1., 2.]]))
    """

    def evaluate(self, a: Array, t: Array) -> tuple[float, Array]:
        """The cost and its derivative; targets have the shape of ``a``."""
        if a.shape != t.shape:
            raise ValueError(f"the network's output has shape {a.shape}, but its targets have shape {t.shape}")
        difference = a - t
        count = max(len(a), 1)
        cost = 0.5 * float(array_module(a).square(difference, dtype="float64").sum()) / count
        return cost, difference / a.dtype.type(count)


class CrossEntropy(Loss):
    """Cross-entropy of the softmax of the outputs: ``C = -mean log softmax(a)[t]``.

    The softmax belongs to the loss, so the last layer has no activation; its derivative with that of the logarithm is
    ``(softmax(a) - t) / N``, with no quotient that could overflow. Scores stand along axis 1; further axes are pixels,
    each with a label of its own.

    Examples
    --------
    >>> import numpy as np
    >>> from gemmconv import nn
    >>> cost, gradient = nn.CrossEntropy().evaluate(np.array([[1000.0, 1000.0]]), np.array([0]))
    >>> round(cost, 6), gradient
    (0.693147, array([[-0.5,  0.5]]))
    """

    def targets(self, t: Any, dtype: np.dtype[Any]) -> Array:
        """Labels as int64, or probabilities (one row an example, such as one-hot) in the network's dtype."""
        xp = array_module(t)
        array: Array = xp.asarray(t)
        if array.dtype.kind not in LABELS + "f":
            raise ValueError(f"CrossEntropy takes integer labels or probabilities, not targets of dtype {array.dtype}")
        targets: Array = xp.ascontiguousarray(array, "int64" if array.dtype.kind in LABELS else dtype)
        return targets

    def evaluate(self, a: Array, t: Array) -> tuple[float, Array]:
        """The cost and its derivative with respect to the scores ``a``."""
        wanted = self._probabilities(a, t)
        xp, shifted = array_module(a), below_zero(a)
        exponentials: Array = xp.exp(shifted)
        sums = exponentials.sum(axis=1, keepdims=True)
        count = max(a.size // a.shape[1], 1)
        cost = float((wanted * (xp.log(sums) - shifted)).sum(dtype="float64")) / count
        exponentials /= sums
        # targets that do not sum to one are weighted by their sum
        exponentials *= wanted.sum(axis=1, keepdims=True)
        exponentials -= wanted
        exponentials /= a.dtype.type(count)
        return cost, exponentials

    def correct(self, a: Array, t: Array) -> int | None:
        """For how many examples the label has the largest score."""
        labels = t if t.ndim == a.ndim - 1 else t.argmax(axis=1)
        return int((a.argmax(axis=1) == labels).sum())

    def _probabilities(self, a: Array, t: Array) -> Array:
        if a.ndim < 2:
            raise ValueError(f"CrossEntropy takes scores (N, classes, ...), not an output of shape {a.shape}")
        if t.shape == a.shape and t.dtype.kind == "f":
            return t
        if t.shape != (a.shape[0], *a.shape[2:]) or t.dtype.kind not in "iu":
            raise ValueError(
                f"the network's output has shape {a.shape}: CrossEntropy needs labels of shape "
                f"{(a.shape[0], *a.shape[2:])} or probabilities of shape {a.shape}, not {t.dtype} of shape {t.shape}"
            )
        classes = a.shape[1]
        if t.size and (t.min() < 0 or t.max() >= classes):
            raise ValueError(f"labels run from {t.min()} to {t.max()}, but the network has outputs 0 to {classes - 1}")
        columns = array_module(a).arange(classes).reshape(classes, *[1] * (a.ndim - 2))
        wanted: Array = (t[:, None] == columns).astype(a.dtype)
        return wanted


def below_zero(scores: Array) -> Array:
    """The scores minus the largest of each example, so that no exponential overflows."""
    return scores - scores.max(axis=1, keepdims=True) if scores.shape[1] else scores


def softmax(scores: Array) -> Array:
    """Probabilities from scores ``(N, classes, ...)``, along axis 1, with no overflow.

    Parameters
    ----------
    scores : array, (N, classes, ...)
        For instance what a `Network` trained with `CrossEntropy` predicts.

    Returns
    -------
    array
        Of the same shape and dtype; sums along axis 1 are one.

    Examples
    --------
    >>> import numpy as np
    >>> from gemmconv import nn
    >>> nn.softmax(np.array([[1000.0, 1000.0]]))
    array([[0.5, 0.5]])
    """
    exponentials: Array = array_module(scores).exp(below_zero(scores))
    probabilities: Array = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities


def default_loss(t: Any) -> Loss:
    """Cross-entropy for labels, squared error for numbers."""
    return CrossEntropy() if array_module(t).asarray(t).dtype.kind in LABELS else SquaredError()
