"""Activation functions and their derivatives, applied element by element."""

from gemmconv.annotations import Array
from gemmconv.backends import backend_for
from gemmconv.settings import current


def activate(z: Array, name: str | None, *, backend: str | None = None, out: Array | None = None) -> Array:
    """Apply an activation function element by element: ``a = sigma(z)``.

    Parameters
    ----------
    z : array
        Of any shape, float32 or float64.
    name : {None, "relu", "leaky_relu", "sigmoid", "tanh", "softplus", "gelu"}
        The function; None copies ``z``. ``"leaky_relu"`` has the slope 0.01 below zero. ``"gelu"`` is ``z * Phi(z)``,
        where ``Phi`` is the cumulative distribution function of the standard normal distribution (not its
        approximation by tanh).
    backend : {None, "cpu", "reference"}
        Where it is computed. None chooses by the type of the arrays.
    out : array, optional
        Where to write the answer; it may be ``z`` itself.

    Returns
    -------
    array
        Of the shape and dtype of ``z``.

    Raises
    ------
    ValueError
        If the name is unknown, or ``out`` does not fit.
    TypeError
        If ``z`` is not an array, or its dtype is not supported.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> gemmconv.activate(np.array([-1.0, 0.0, 2.0]), "relu")
    array([0., 0., 2.])
    """
    return backend_for(backend, z).activate(z, name, current.get(), out)


def activate_backward(
    da: Array, z: Array, name: str | None, *, backend: str | None = None, out: Array | None = None
) -> Array:
    """The gradient of `activate` with respect to ``z``: ``dz = da * sigma'(z)``.

    Parameters
    ----------
    da : array
        The derivative of the loss with respect to ``activate(z, name)``.
    z : array
        The argument of `activate`, of the same shape and dtype as ``da``.
    name, backend, out
        As in `activate`. At 0 the derivative of ``"relu"`` and ``"leaky_relu"`` is the left one, 0 and 0.01.

    Returns
    -------
    array
        Of the shape and dtype of ``z``.

    Raises
    ------
    ValueError
        If the shapes differ, the name is unknown, or ``out`` does not fit.
    TypeError
        If the dtypes differ or are not supported.

    Examples
    --------
    >>> import numpy as np
    >>> import gemmconv
    >>> gemmconv.activate_backward(np.ones(3), np.array([-1.0, 0.0, 2.0]), "relu")
    array([0., 0., 1.])
    """
    return backend_for(backend, da, z).activate_backward(da, z, name, current.get(), out)
