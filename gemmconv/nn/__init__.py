"""Networks trained by backpropagation, on the library's own convolution and pooling.

Examples
--------
>>> from gemmconv import nn
>>> lenet = nn.Network([
...     nn.Conv(6, 5, padding=2, activation="tanh"), nn.AvgPool(2),
...     nn.Conv(16, 5, activation="tanh"), nn.AvgPool(2),
...     nn.Flatten(), nn.Dense(120, activation="tanh"), nn.Dense(84, activation="tanh"), nn.Dense(10),
... ])
>>> sum(w.size for w in lenet.build((1, 1, 28, 28), seed=0).parameters.values())
61706
"""

from typing import TYPE_CHECKING, Any

from gemmconv.nn.backpropagation import Gradients
from gemmconv.nn.convolutional import Conv, ConvTranspose
from gemmconv.nn.dense import Activation, Dense, Flatten
from gemmconv.nn.gradient_check import GradientCheck, check_gradients
from gemmconv.nn.history import History
from gemmconv.nn.layer import Layer, Mode
from gemmconv.nn.losses import CrossEntropy, Loss, SquaredError, softmax
from gemmconv.nn.network import Network
from gemmconv.nn.optimizers import SGD, Adam, Optimizer
from gemmconv.nn.pooling import AvgPool, LpPool, MaxPool
from gemmconv.nn.regularisation import BatchNorm, Dropout
from gemmconv.nn.schedules import CosineDecay, ExponentialDecay, StepDecay

if TYPE_CHECKING:
    from gemmconv.nn.classifier import ConvClassifier

__all__ = [
    "SGD",
    "Activation",
    "Adam",
    "AvgPool",
    "BatchNorm",
    "Conv",
    "ConvClassifier",
    "ConvTranspose",
    "CosineDecay",
    "CrossEntropy",
    "Dense",
    "Dropout",
    "ExponentialDecay",
    "Flatten",
    "GradientCheck",
    "Gradients",
    "History",
    "Layer",
    "Loss",
    "LpPool",
    "MaxPool",
    "Mode",
    "Network",
    "Optimizer",
    "SquaredError",
    "StepDecay",
    "check_gradients",
    "softmax",
]


def __getattr__(name: str) -> Any:
    """`ConvClassifier`, imported at its first use, since only it needs scikit-learn."""
    if name == "ConvClassifier":
        from gemmconv.nn.classifier import ConvClassifier

        return ConvClassifier
    raise AttributeError(f"module 'gemmconv.nn' has no attribute {name!r}")
