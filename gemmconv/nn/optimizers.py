"""Optimisers, which update parameters in place from gradients. The formulas are those of PyTorch's `SGD` and `Adam`."""

import math
from collections.abc import Callable, Mapping

from gemmconv.annotations import Array
from gemmconv.backends import array_module

Schedule = Callable[[float], float]
"""The learning rate as a function of the epochs that are done, fractions included."""


class Optimizer:
    """Changes parameters in place, given their gradients. A subclass defines ``update``.

    Parameters
    ----------
    learning_rate : float or callable
        A number, or a function of the epochs done: see `gemmconv.nn.CosineDecay` and the other schedules.
    weight_decay : float
        Adds ``weight_decay * parameter`` to each gradient.

    Attributes
    ----------
    state : dict of str to array
        What is remembered from step to step, such as the momentum.
    steps : int
        How many steps were made.
    """

    def __init__(self, learning_rate: float | Schedule, weight_decay: float = 0.0) -> None:
        if not callable(learning_rate) and not learning_rate > 0:
            raise ValueError(f"the learning rate must be positive, not {learning_rate}")
        if weight_decay < 0:
            raise ValueError(f"weight_decay must not be negative, not {weight_decay}")
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.state: dict[str, Array] = {}
        self.steps = 0

    def rate(self, epoch: float) -> float:
        """The learning rate after that many epochs."""
        return float(self.learning_rate(epoch)) if callable(self.learning_rate) else self.learning_rate

    def step(self, parameters: Mapping[str, Array], gradients: Mapping[str, Array], epoch: float = 0.0) -> None:
        """Change every parameter that has a gradient.

        Parameters
        ----------
        parameters : mapping of str to array
            Changed in place.
        gradients : mapping of str to array
            Under the same names.
        epoch : float
            The epochs done, for the schedule of the learning rate.

        Raises
        ------
        ValueError
            If the remembered state belongs to parameters of another shape.
        """
        self.steps += 1
        rate = self.rate(epoch)
        for name, gradient in gradients.items():
            parameter = parameters[name]
            if self.weight_decay:
                gradient = gradient + parameter.dtype.type(self.weight_decay) * parameter
            self.update(name, parameter, gradient, rate)

    def update(self, name: str, parameter: Array, gradient: Array, rate: float) -> None:
        """Change one parameter in place."""
        raise TypeError(f"{type(self).__name__} does not define update(name, parameter, gradient, rate)")

    def remembered(self, kind: str, name: str, parameter: Array) -> Array:
        """The state of that name for one parameter, initially zeros."""
        key = f"{kind}/{name}"
        memory = self.state.get(key)
        if memory is None:
            memory = self.state[key] = array_module(parameter).zeros_like(parameter)
        elif memory.shape != parameter.shape:
            raise ValueError(
                f"this optimiser remembers {kind} of shape {memory.shape} for {name}, whose shape is "
                f"{parameter.shape}: use a new optimiser for another network"
            )
        return memory


class SGD(Optimizer):
    """Stochastic gradient descent, optionally with momentum.

    Parameters
    ----------
    learning_rate : float or callable
        A number, or a function of the epochs done.
    momentum : float
        How much of the last step goes into this one: ``v = momentum * v + gradient; w -= learning_rate * v``.
    nesterov : bool
        Whether the gradient is taken as if that step had been made: ``w -= learning_rate * (gradient + momentum * v)``.
    weight_decay : float
        Adds ``weight_decay * w`` to the gradient.

    Raises
    ------
    ValueError
        If a number is outside its range.

    Examples
    --------
    >>> import numpy as np
    >>> from gemmconv import nn
    >>> w = {"w": np.array([1.0])}
    >>> nn.SGD(0.1).step(w, {"w": np.array([2.0])})
    >>> w["w"]
    array([0.8])
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.01,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, weight_decay)
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must be at least 0 and below 1, not {momentum}")
        if nesterov and not momentum:
            raise ValueError("nesterov needs a momentum above 0")
        self.momentum = momentum
        self.nesterov = nesterov

    def update(self, name: str, parameter: Array, gradient: Array, rate: float) -> None:
        """One step of gradient descent."""
        real = parameter.dtype.type
        if self.momentum:
            velocity = self.remembered("velocity", name, parameter)
            velocity *= real(self.momentum)
            velocity += gradient
            gradient = gradient + real(self.momentum) * velocity if self.nesterov else velocity
        parameter -= real(rate) * gradient


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015): each weight's step is scaled by the running size of its own gradient.

    Parameters
    ----------
    learning_rate : float or callable
        A number, or a function of the epochs done.
    beta1, beta2 : float
        How slowly the running mean and mean square of the gradient forget.
    epsilon : float
        Added to the root of the mean square.
    weight_decay : float
        Adds ``weight_decay * w`` to the gradient; with ``decoupled=True`` shrinks ``w`` itself by
        ``learning_rate * weight_decay`` instead (AdamW, Loshchilov and Hutter 2019).
    decoupled : bool
        Which of the two.

    Raises
    ------
    ValueError
        If a number is outside its range.

    Examples
    --------
    >>> import numpy as np
    >>> from gemmconv import nn
    >>> w = {"w": np.array([1.0])}
    >>> nn.Adam(0.1).step(w, {"w": np.array([2.0])})
    >>> w["w"].round(6)
    array([0.9])
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-3,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ) -> None:
        super().__init__(learning_rate, 0.0 if decoupled else weight_decay)
        if not (0 <= beta1 < 1 and 0 <= beta2 < 1) or epsilon <= 0 or weight_decay < 0:
            raise ValueError(
                "Adam needs beta1 and beta2 from 0 to below 1, a positive epsilon and no negative weight_decay, "
                f"not {beta1}, {beta2}, {epsilon} and {weight_decay}"
            )
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.shrinkage = weight_decay if decoupled else 0.0

    def update(self, name: str, parameter: Array, gradient: Array, rate: float) -> None:
        """One step of Adam."""
        real, xp = parameter.dtype.type, array_module(parameter)
        mean = self.remembered("mean", name, parameter)
        square = self.remembered("square", name, parameter)
        if self.shrinkage:
            parameter *= real(1 - rate * self.shrinkage)
        # one array for all intermediate results: allocating one for each line takes as long as its arithmetic
        passing = gradient - mean
        passing *= real(1 - self.beta1)
        mean += passing
        xp.multiply(gradient, gradient, out=passing)
        passing -= square
        passing *= real(1 - self.beta2)
        square += passing
        # both running means start at zero: these factors remove the bias that this causes
        xp.sqrt(square, out=passing)
        passing *= real(1 / math.sqrt(1 - self.beta2**self.steps))
        passing += real(self.epsilon)
        xp.divide(mean, passing, out=passing)
        passing *= real(rate / (1 - self.beta1**self.steps))
        parameter -= passing
