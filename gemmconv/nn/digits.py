"""The network of ``gemmconv demo``: handwritten digits, trained on 1,437 scans and tested on 360 others.

The scans are scikit-learn's: 1,797 of them, 8 by 8 pixels, from 43 writers (UCI, "Optical Recognition of Handwritten
Digits").
"""

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from gemmconv import get_options, options
from gemmconv.annotations import Array
from gemmconv.nn.convolutional import Conv
from gemmconv.nn.dense import Dense, Flatten
from gemmconv.nn.gradient_check import GradientCheck, check_gradients
from gemmconv.nn.history import History
from gemmconv.nn.losses import CrossEntropy
from gemmconv.nn.network import Network
from gemmconv.nn.optimizers import Adam
from gemmconv.nn.pooling import LpPool, MaxPool
from gemmconv.nn.regularisation import Dropout
from gemmconv.nn.schedules import CosineDecay
from gemmconv.nn.training import Callback

EPOCHS = 30
BATCH_SIZE = 32


@dataclass(frozen=True)
class Digits:
    """The scans, in two sets: images ``(N, 1, 8, 8)`` from 0 to 1 and labels 0 to 9."""

    x_train: Array
    t_train: Array
    x_test: Array
    t_test: Array


@dataclass(frozen=True)
class DigitsRun:
    """The result of `train_digits`.

    Attributes
    ----------
    network : Network
        The trained network.
    history : History
        What its training measured, epoch by epoch; validation is on the held-out fifth.
    digits : Digits
        The scans it learned from and those it was tried on.
    predicted : array, (360,)
        Its labels for the held-out scans.
    figures : dict
        ``accuracy`` (held out), ``mistakes``, ``loss`` (of the last epoch), ``validation_loss``, ``seconds``,
        ``epochs``, ``examples``, ``held_out``, ``weights`` and ``seed``, as plain numbers.
    """

    network: Network
    history: History
    digits: Digits
    predicted: Array
    figures: dict[str, float]


def digits_network(dtype: str = "float32", backend: str | None = None) -> Network:
    """Convolution, max pooling, convolution, L2 pooling, dense: 21,386 weights.

    Parameters
    ----------
    dtype : {"float32", "float64"}
        Of weights and activations.
    backend : str, optional
        As in `Network`.

    Returns
    -------
    Network
        Without weights yet.

    Examples
    --------
    >>> from gemmconv.nn.digits import digits_network
    >>> digits_network().build((1, 1, 8, 8), seed=0).predict([[[[0.0] * 8] * 8]]).shape
    (1, 10)
    """
    return Network(
        [
            Conv(32, 3, padding="same", activation="relu"),
            MaxPool(2),
            Conv(64, 3, padding="same", activation="relu"),
            LpPool(2, p=2),
            Flatten(),
            Dropout(0.5),
            Dense(10),
        ],
        dtype=dtype,
        backend=backend,
    )


def load_digits(seed: int = 0, dtype: str = "float32") -> Digits:
    """The scans, with a fifth of each digit held out.

    Parameters
    ----------
    seed : int
        Which fifth.
    dtype : {"float32", "float64"}
        Of the images.

    Returns
    -------
    Digits

    Raises
    ------
    ModuleNotFoundError
        If scikit-learn is not installed, whose wheel holds the scans.

    Examples
    --------
    >>> from gemmconv.nn.digits import load_digits
    >>> digits = load_digits()
    >>> len(digits.x_train), len(digits.x_test)
    (1437, 360)
    """
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    images, labels = datasets.load_digits(return_X_y=True)
    x = (images.reshape(-1, 1, 8, 8) / 16).astype(dtype)
    x_train, x_test, t_train, t_test = train_test_split(
        x, labels.astype(np.int64), test_size=0.2, stratify=labels, random_state=seed
    )
    return Digits(x_train, t_train, x_test, t_test)


def train_digits(
    *,
    seed: int = 0,
    epochs: int = EPOCHS,
    dtype: str = "float32",
    backend: str | None = None,
    progress: bool | None = None,
    callbacks: tuple[Callback, ...] = (),
) -> DigitsRun:
    """Train the network of the demonstration.

    Parameters
    ----------
    seed : int
        Decides which fifth is held out, the first weights, the order of the scans and dropout.
    epochs : int
        How many times to go through the scans; the learning rate falls to zero over them.
    dtype : {"float32", "float64"}
        Of weights and activations.
    backend : str, optional
        As in `Network`: ``"reference"`` gives the same losses to rounding, slower.
    progress, callbacks
        As in `Network.fit`.

    Returns
    -------
    DigitsRun

    Notes
    -----
    It uses one thread unless `gemmconv.options` asks for more: a pass over 32 scans takes some tens of microseconds,
    and on a machine that has other work, threads wait longer for each other than that.

    Examples
    --------
    >>> from gemmconv.nn.digits import train_digits
    >>> run = train_digits(seed=0, epochs=2, progress=False)
    >>> run.figures["accuracy"] > 0.8, run.network.predict(run.digits.x_test).shape
    (True, (360, 10))
    """
    started = perf_counter()
    digits = load_digits(seed, dtype)
    network = digits_network(dtype, backend)
    with options(threads=get_options()["threads"] or 1):
        network.fit(
            digits.x_train,
            digits.t_train,
            epochs=epochs,
            batch_size=BATCH_SIZE,
            optimizer=Adam(CosineDecay(3e-3, epochs)),
            loss=CrossEntropy(),
            validation=(digits.x_test, digits.t_test),
            seed=seed,
            callbacks=callbacks,
            progress=progress,
        )
    seconds = perf_counter() - started
    predicted = network.predict(digits.x_test).argmax(axis=1)
    mistakes = int(np.count_nonzero(predicted != digits.t_test))
    history = network.history
    figures = {
        "accuracy": 1 - mistakes / len(predicted),
        "mistakes": mistakes,
        "loss": history["loss"][-1],
        "validation_loss": history["validation_loss"][-1],
        "seconds": seconds,
        "epochs": len(history),
        "examples": len(digits.x_train),
        "held_out": len(digits.x_test),
        "weights": sum(array.size for array in network.parameters.values()),
        "seed": seed,
    }
    return DigitsRun(network, history, digits, predicted, figures)


def check_digits(network: Network, digits: Digits, *, count: int = 8, max_elements: int | None = 100) -> GradientCheck:
    """The network's gradients on some scans, compared with central differences.

    The scans get a little noise: their background is exactly black, and there all units of a channel are equal, so that
    max pooling has no single winner and the cost no derivative.

    Parameters
    ----------
    network : Network
        Trained or not.
    digits : Digits
        Of which the first held-out scans are taken.
    count : int
        How many.
    max_elements : int, optional
        As in `check_gradients`.

    Returns
    -------
    GradientCheck

    Examples
    --------
    >>> from gemmconv.nn.digits import check_digits, digits_network, load_digits
    >>> check_digits(digits_network(), load_digits(), count=2, max_elements=5).ok
    True
    """
    noise = np.random.default_rng(0).normal(0, 0.05, digits.x_test[:count].shape)
    return check_gradients(network, digits.x_test[:count] + noise, digits.t_test[:count], max_elements=max_elements)
