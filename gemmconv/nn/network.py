"""A network: layers one after the other, with their weights.

Its gradients come from `backpropagation`, its loop from `training`, its files from `storage`.
"""

import copy
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Self

import numpy as np

from gemmconv.annotations import Array
from gemmconv.nn.backpropagation import Gradients, backpropagate, blame
from gemmconv.nn.history import History
from gemmconv.nn.layer import Layer, Mode
from gemmconv.nn.losses import Loss, default_loss
from gemmconv.nn.optimizers import Adam, Optimizer
from gemmconv.nn.storage import load_into, load_new, save
from gemmconv.nn.training import Callback, Validation, train

Seed = int | np.random.Generator | np.random.SeedSequence | None


class Loading:
    """``Network.load(path)`` makes a network, ``network.load(path)`` fills this one: see `storage.load_new`."""

    def __get__(
        self, network: "Network | None", owner: type["Network"]
    ) -> Callable[[str | os.PathLike[str]], "Network"]:
        return load_new if network is None else partial(load_into, network)


class Network:
    """A sequence of layers, trained by backpropagation.

    Parameters
    ----------
    layers : sequence of Layer
        From input to output. Their weights are made at the first batch, for its shape.
    dtype : {None, "float32", "float64"}
        Of weights and activations; None takes it from the first batch (float32 unless that is float64).
    backend : {None, "cpu", "reference"}
        The backend of every layer; None is the one that owns the arrays.

    Raises
    ------
    TypeError
        If something among the layers is none.
    ValueError
        If there is no layer, if one stands there twice, or if the dtype is another.

    Examples
    --------
    >>> import numpy as np
    >>> from gemmconv import nn
    >>> x = np.random.default_rng(0).normal(size=(64, 1, 8, 8))
    >>> t = (x[:, 0, :, :4].mean(axis=(1, 2)) > x[:, 0, :, 4:].mean(axis=(1, 2))).astype(int)
    >>> network = nn.Network([nn.Conv(4, 3, activation="relu"), nn.AvgPool(2), nn.Flatten(), nn.Dense(2)])
    >>> network = network.fit(x, t, epochs=20, batch_size=16, optimizer=nn.Adam(0.01), seed=0)
    >>> network.history["accuracy"][-1] > 0.9
    True
    >>> network.predict(x[:3]).shape
    (3, 2)
    """

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
        """What is trained, by name: ``"0.weight"`` is the weight of the first layer. The arrays are the layers' own."""
        return self._named("parameters")

    @property
    def buffers(self) -> dict[str, Array]:
        """What is kept but not trained, by name."""
        return self._named("buffers")

    def _named(self, kind: str) -> dict[str, Array]:
        return {
            f"{number}.{name}": array
            for number, layer in enumerate(self.layers)
            for name, array in getattr(layer, kind).items()
        }

    def build(self, input_shape: Sequence[int], *, seed: Seed = None) -> Self:
        """Make the first weights for batches of that shape; otherwise the first batch does it, wherever it comes.

        Parameters
        ----------
        input_shape : sequence of int
            Of a batch, N and C included.
        seed : int or numpy.random.Generator, optional
            Where the weights are drawn from.

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
        a: Array = np.zeros((max(input_shape[0], 1), *input_shape[1:]), dtype)
        mode = Mode(backend=self.backend)
        for number, layer in enumerate(self.layers):
            try:
                layer.build(a.shape, dtype, generator)
                a = layer.forward(a, mode)
            except Exception as error:
                blame(error, number, layer, a)
                raise
        self.dtype = dtype
        self.built = True
        return self

    def batch(self, x: Any) -> Array:
        """``x`` as a C-ordered array of the network's dtype, which it sets if none was chosen."""
        array = np.asarray(x)
        if array.ndim < 2:
            raise ValueError(f"a batch has the shape (N, features) or (N, C, *spatial), not {array.shape}")
        if array.dtype.kind not in "fiub":
            raise TypeError(f"a batch must hold real numbers, not {array.dtype}")
        if self.dtype is None:
            self.dtype = np.dtype(np.float64 if array.dtype == np.float64 else np.float32)
        return np.ascontiguousarray(array, self.dtype)

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
        t = loss.targets(t, x.dtype)
        if not self.built:
            self.build((1, *x.shape[1:]))

        return backpropagate(self.layers, x, t, loss, mode, needs_input=needs_input)

    def fit(
        self,
        x: Any,
        t: Any,
        *,
        epochs: int = 10,
        batch_size: int = 32,
        optimizer: Optimizer | None = None,
        loss: Loss | None = None,
        validation: Validation = None,
        seed: Seed = None,
        shuffle: bool = True,
        patience: int | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: bool = False,
        callbacks: Sequence[Callback] = (),
        progress: bool | None = None,
    ) -> Self:
        """Train on examples; a network that was trained before goes on from its weights.

        Parameters
        ----------
        x : array, (N, ...)
            The examples.
        t : array
            Their targets: integer labels or probabilities for `CrossEntropy`, numbers for `SquaredError`.
        epochs : int
            How many times to go through all examples.
        batch_size : int
            Examples in one step; the last batch of an epoch may be smaller.
        optimizer : Optimizer, optional
            `Adam` by default.
        loss : Loss, optional
            By default `CrossEntropy` for integer targets and `SquaredError` for others.
        validation : float or (x, t), optional
            Held-out examples, or which share of the given ones to hold out (drawn with ``seed``); their loss and
            accuracy are measured after each epoch.
        seed : int or numpy.random.Generator, optional
            Where first weights, the order of the examples and dropout are drawn from; the same seed, data and machine
            give the same weights.
        shuffle : bool
            Whether each epoch has its own order.
        patience : int, optional
            Stop after so many epochs in which the validation loss (without validation: the training loss) was no
            better than before, and go back to the best weights.
        checkpoint : path, optional
            A file to save to after each epoch: the newest weights, and all that is needed to go on from them.
        resume : bool
            Whether to go on from ``checkpoint`` if that file is there. The weights at the end have the same bits as
            those of a training that was not interrupted.
        callbacks : sequence of callable
            Each is called as ``callback(network, record)`` after each epoch, with the newest entry of the history; one
            that returns True ends the training.
        progress : bool, optional
            Whether to show a progress bar; by default on a terminal where tqdm is installed.

        Returns
        -------
        Network
            Itself, with ``history`` longer by the epochs made.

        Raises
        ------
        ValueError
            If an argument is outside its range, or shapes do not fit.
        FloatingPointError
            If the loss is no longer finite.
        """
        if loss is None:
            loss = default_loss(t)
        train(
            self,
            x,
            t,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=Adam() if optimizer is None else optimizer,
            loss=loss,
            validation=validation,
            generator=np.random.default_rng(seed),
            shuffle=shuffle,
            patience=patience,
            checkpoint=checkpoint,
            resume=resume,
            callbacks=callbacks,
            progress=progress,
        )
        return self

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
            self.build((1, *x.shape[1:]))
        mode = Mode(backend=self.backend)
        starts = range(0, max(len(x), 1), batch_size)
        outputs = [self._forward(x[start : start + batch_size], mode) for start in starts]
        return outputs[0] if len(outputs) == 1 else np.concatenate(outputs)

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
        wanted = loss.targets(t, a.dtype)
        measures = {"loss": loss.evaluate(a, wanted)[0]}
        correct = loss.correct(a, wanted)
        if correct is not None:
            measures["accuracy"] = correct / max(a.size // a.shape[1], 1)
        return measures

    def astype(self, dtype: Any) -> "Network":
        """A copy of this network whose weights have another dtype: float32 or float64."""
        other = copy.deepcopy(self)
        other.dtype = floating(dtype)
        for layer in other.layers:
            layer.parameters = {name: array.astype(other.dtype) for name, array in layer.parameters.items()}
            layer.buffers = {name: array.astype(other.dtype) for name, array in layer.buffers.items()}
        return other

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write layers and weights to a file.

        The file is NumPy's npz, whatever its name, with a checksum of every array. It is written beside its place and
        then moved there: whatever happens, the old file or the new one is there, whole.

        Parameters
        ----------
        path : path
            Where to write.

        Raises
        ------
        ValueError
            If the network has no weights yet.
        OSError
            If the file cannot be written.
        """
        save(path, self)

    load = Loading()


def floating(dtype: Any) -> np.dtype[Any]:
    """``dtype`` as float32 or float64; ValueError for another."""
    wanted: np.dtype[Any] = np.dtype(dtype)
    if wanted not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError(f"networks compute in float32 or float64, not in {wanted}")
    return wanted
