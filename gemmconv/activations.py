"""Activation functions and their derivatives, over whole arrays."""

from gemmconv.annotations import Array
from gemmconv.backends import backend_for
from gemmconv.settings import current


def activate(z: Array, name: str | None, *, backend: str | None = None, out: Array | None = None) -> Array:
    """``a = sigma(z)``, element by element (Jefkine, below eq. 7).

    Parameters
    ----------
    z : array
        Of any shape, float32 or float64.
    name : {None, "relu", "leaky_relu", "sigmoid", "tanh", "softplus", "gelu"}
        None gives a copy. ``"leaky_relu"`` has the slope 0.01 below zero; ``"gelu"`` is the exact
        ``z * Phi(z)``, with the distribution function of the normal distribution.
    backend : {None, "cpu", "reference"}
        None: by array type.
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
        If ``z`` is no array, or its dtype is not supported.

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
    """``dz = da * sigma'(z)``, element by element (step 4 of the five-step algorithm).

    Parameters
    ----------
    da : array
        The derivative of the loss with respect to ``activate(z, name)``.
    z : array
        What was activated, of the same shape and dtype.
    name, backend, out
        As in `activate`. At the kink of ``"relu"`` and ``"leaky_relu"`` the derivative is the one from below.

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
