"""A network: a model that is trained, saved and loaded.

Its layers and weights are in `model`, its gradients in `backpropagation`, its loop in `training`, its files in
`storage`.
"""

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Self

import numpy as np

from gemmconv.nn import storage
from gemmconv.nn.losses import Loss, default_loss
from gemmconv.nn.model import Model, Seed
from gemmconv.nn.optimizers import Adam, Optimizer
from gemmconv.nn.training import Callback, Validation, train


class Loading:
    """``Network.load(path)`` makes a network, ``network.load(path)`` fills this one: see `load_new`."""

    def __get__(
        self, network: "Network | None", owner: type["Network"]
    ) -> Callable[[str | os.PathLike[str]], "Network"]:
        return load_new if network is None else partial(load_into, network)


class Network(Model):
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
        """Train on examples, starting from the weights that the network has.

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
        storage.save(path, self)

    load = Loading()


def load_new(path: str | os.PathLike[str]) -> Network:
    """A network from a file.

    Called as ``Network.load(path)`` it makes the layers that the file describes; as ``network.load(path)`` it fills a
    network whose layers must be those of the file, and gives it back.

    Parameters
    ----------
    path : path
        What `Network.save` or a checkpoint of `Network.fit` wrote.

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        If the file is damaged, is something else, or does not fit the network, which is then as before.
    OSError
        If the file cannot be read.
    """
    description, arrays = storage.read(path)
    network = Network(storage.layers_of(path, description))
    storage.fill(path, network, description, arrays)
    return network


def load_into(network: Network, path: str | os.PathLike[str]) -> Network:
    """Fill a network from a file whose layers are the same: see `load_new`."""
    description, arrays = storage.read(path)
    storage.check_same_layers(path, network, description)
    storage.fill(path, network, description, arrays)
    return network
