"""The layers of a network one after the other, with their weights: what predicts, and what gives gradients.

Its arrays are those of its backend, which it asks for the module that makes them; nothing here names another.
"""

import copy
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from gemmconv.annotations import Array
from gemmconv.backends import array_module, backend_of
from gemmconv.nn.backpropagation import Gradients, backpropagate, blame
from gemmconv.nn.history import History
from gemmconv.nn.layer import Layer, Mode
from gemmconv.nn.losses import Loss, default_loss

Seed = int | np.random.Generator | np.random.SeedSequence | None


class Model:
    """The part of a `Network` that neither trains nor reads files."""

    def __init__(self, layers: Sequence[Layer], *, dtype: Any = None, backend: str | None = None) -> None:
        self.layers = list(layers)
        if not self.layers:
            raise ValueError("a network needs at least one layer")
        for layer in self.layers:
            if not isinstance(layer, Layer):
                raise TypeError(f"a network is made of gemmconv.nn layers, not of {type(layer).__name__}")
        if len({id(layer) for layer in self.layers}) != len(self.layers):
            raise ValueError("the same layer stands twice in this network: make one for each place")
        self.dtype = None if dtype is None else floating(dtype)
        self.backend = backend
        self.built = False
        self.history = History()

    def __repr__(self) -> str:
        inside = "".join(f"    {layer!r},\n" for layer in self.layers)
        return f"Network([\n{inside}])"

    @property
    def parameters(self) -> dict[str, Array]:
        """The trained arrays by name; ``"0.weight"`` is the weight of the first layer. They are no copies."""
        return self._named("parameters")

    @property
    def buffers(self) -> dict[str, Array]:
        """The arrays that are stored but not trained, by name."""
        return self._named("buffers")

    def _named(self, kind: str) -> dict[str, Array]:
        return {
            f"{number}.{name}": array
            for number, layer in enumerate(self.layers)
            for name, array in getattr(layer, kind).items()
        }

    @property
    def xp(self) -> Any:
        """The module that makes its arrays: that of the named backend, or else that of the weights."""
        return array_module(next(iter(self.parameters.values()), None), self.backend)

    def build(self, input_shape: Sequence[int], *, seed: Seed = None, like: Array | None = None) -> Self:
        """Make the initial weights for batches of that shape. Otherwise they are made when the first batch is seen.

        Parameters
        ----------
        input_shape : sequence of int
            Of a batch, N and C included.
        seed : int or numpy.random.Generator, optional
            Where the weights are drawn from.
        like : array, optional
            One of those that the network will be given. Without a named backend, the weights are made where it lives.

        Returns
        -------
        Network
            Itself.

        Raises
        ------
        ValueError
            If a layer cannot take what the one before gives.
        """
        dtype = self.dtype or np.dtype(np.float32)
        generator = np.random.default_rng(seed)
        xp = array_module(like, self.backend)
        a: Array = xp.zeros((max(input_shape[0], 1), *input_shape[1:]), dtype)
        mode = Mode(backend=self.backend)
        for number, layer in enumerate(self.layers):
            try:
                layer.build(a.shape, dtype, generator)
                layer.parameters = {name: xp.asarray(array) for name, array in layer.parameters.items()}
                layer.buffers = {name: xp.asarray(array) for name, array in layer.buffers.items()}
                a = layer.forward(a, mode)
            except Exception as error:
                blame(error, number, layer, a)
                raise
        self.dtype = dtype
        self.built = True
        return self

    def batch(self, x: Any) -> Array:
        """``x`` as a C-ordered array of the network's dtype, which it sets if none was chosen."""
        xp = array_module(x, self.backend)
        array: Array = xp.asarray(x)
        if array.ndim < 2:
            raise ValueError(f"a batch has the shape (N, features) or (N, C, *spatial), not {array.shape}")
        if array.dtype.kind not in "fiub":
            raise TypeError(f"a batch must hold real numbers, not {array.dtype}")
        if self.dtype is None:
            self.dtype = np.dtype(np.float64 if array.dtype == np.float64 else np.float32)
        batch: Array = xp.ascontiguousarray(array, self.dtype)
        return batch

    def targets(self, loss: Loss, t: Any, like: Array) -> Array:
        """``t`` in the form that the loss uses for outputs of this dtype, on the backend of ``like``."""
        xp = array_module(like)
        if backend_of(t) is not None and array_module(t) is not xp:
            t = xp.asarray(t)
        return loss.targets(t, like.dtype)

    def gradients(
        self, x: Any, t: Any, *, loss: Loss | None = None, mode: Mode | None = None, needs_input: bool = False
    ) -> Gradients:
        """The cost of a batch and its derivatives with respect to every parameter.

        Parameters
        ----------
        x : array, (N, ...)
            The input.
        t : array
            The targets, as ``loss`` takes them.
        loss : Loss, optional
            By default `CrossEntropy` for integer targets and `SquaredError` for others.
        mode : Mode, optional
            By default a training pass on this network's backend; layers that draw need one with a generator.
        needs_input : bool
            Whether the derivative with respect to ``x`` is wanted too.

        Returns
        -------
        Gradients
            ``cost``, ``parameters`` (the derivatives by name), ``input``, ``output``, ``targets``, ``kept``.

        Raises
        ------
        ValueError
            If shapes do not fit.

        Notes
        -----
        The five steps are in `gemmconv.nn.backpropagation`.
        """
        loss = loss or default_loss(t)
        mode = mode or Mode(training=True, backend=self.backend)
        x = self.batch(x)
        t = self.targets(loss, t, x)
        if not self.built:
            self.build((1, *x.shape[1:]), like=x)

        return backpropagate(self.layers, x, t, loss, mode, needs_input=needs_input)

    def predict(self, x: Any, *, batch_size: int = 256) -> Array:
        """The output of the last layer.

        Parameters
        ----------
        x : array, (N, ...)
            The input.
        batch_size : int
            How many examples to compute at once.

        Returns
        -------
        array, (N, ...)
            For a network trained with `CrossEntropy` the scores: their `gemmconv.nn.softmax` are probabilities, and
            ``argmax(axis=1)`` is the label.

        Raises
        ------
        ValueError
            If the shape does not fit.
        """
        x = self.batch(x)
        if not self.built:
            self.build((1, *x.shape[1:]), like=x)
        mode = Mode(backend=self.backend)
        starts = range(0, max(len(x), 1), batch_size)
        outputs = [self._forward(x[start : start + batch_size], mode) for start in starts]
        if len(outputs) == 1:
            return outputs[0]
        together: Array = array_module(outputs[0]).concatenate(outputs)
        return together

    def _forward(self, a: Array, mode: Mode) -> Array:
        for number, layer in enumerate(self.layers):
            try:
                a = layer.forward(a, mode)
            except Exception as error:
                blame(error, number, layer, a)
                raise
        return a

    def evaluate(self, x: Any, t: Any, *, loss: Loss | None = None, batch_size: int = 256) -> dict[str, float]:
        """The mean loss on examples, and the accuracy where the loss has one.

        Parameters
        ----------
        x, t : array
            The examples and their targets, as in `fit`.
        loss : Loss, optional
            As in `fit`.
        batch_size : int
            How many examples to compute at once.

        Returns
        -------
        dict of str to float
            ``"loss"`` and, for `CrossEntropy`, ``"accuracy"``.
        """
        loss = loss or default_loss(t)
        a = self.predict(x, batch_size=batch_size)
        wanted = self.targets(loss, t, a)
        measures = {"loss": loss.evaluate(a, wanted)[0]}
        correct = loss.correct(a, wanted)
        if correct is not None:
            measures["accuracy"] = correct / max(a.size // a.shape[1], 1)
        return measures

    def astype(self, dtype: Any) -> Self:
        """A copy of this network whose weights have another dtype: float32 or float64."""
        other = copy.deepcopy(self)
        other.dtype = floating(dtype)
        for layer in other.layers:
            layer.parameters = {name: array.astype(other.dtype) for name, array in layer.parameters.items()}
            layer.buffers = {name: array.astype(other.dtype) for name, array in layer.buffers.items()}
        return other


def floating(dtype: Any) -> np.dtype[Any]:
    """``dtype`` as float32 or float64; ValueError for another."""
    wanted: np.dtype[Any] = np.dtype(dtype)
    if wanted not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError(f"networks compute in float32 or float64, not in {wanted}")
    return wanted
