"""A network with scikit-learn's interface: for pipelines, cross-validation and searches over parameters."""

import copy
from collections.abc import Sequence
from math import prod
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data

from gemmconv.annotations import Array
from gemmconv.nn.convolutional import Conv
from gemmconv.nn.dense import Dense, Flatten
from gemmconv.nn.layer import Layer
from gemmconv.nn.losses import CrossEntropy, softmax
from gemmconv.nn.network import Network
from gemmconv.nn.optimizers import Adam, Optimizer
from gemmconv.nn.pooling import AvgPool, MaxPool


class ConvClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A convolutional network as a scikit-learn classifier.

    Parameters
    ----------
    layers : sequence of Layer, optional
        All layers but the last, a `Dense` with one output a class, which is added. By default two convolutions, each
        with a pooling, for images; one `Dense` for rows without ``image_shape``.
    image_shape : tuple of int, optional
        ``(C, *spatial)``, the shape of one example, for rows of numbers ``(N, features)`` as scikit-learn passes them;
        None takes examples as they are: rows, or images ``(N, C, *spatial)``.
    epochs, batch_size, validation, patience
        As in `Network.fit`; ``validation`` is a share of the examples.
    learning_rate : float or callable
        Of `Adam`.
    optimizer : Optimizer, optional
        In place of `Adam`; ``learning_rate`` is then without effect.
    scale : bool
        Whether inputs are shifted and scaled to mean 0 and variance 1 over all examples and cells seen in training.
    dtype : {"float32", "float64"}
        Of weights and activations.
    random_state : int, RandomState instance or None
        Where everything random is drawn from.
    backend : str, optional
        As in `Network`.
    progress : bool, optional
        As in `Network.fit`, but without a bar by default.

    Attributes
    ----------
    classes_ : array
        The labels, sorted.
    network_ : Network
        The trained network, whose outputs stand in the order of ``classes_``.
    history_ : History
        What its training measured.
    n_features_in_ : int
        Features of a row, or channels of an image.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from gemmconv import nn
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = nn.ConvClassifier(image_shape=(1, 8, 8), epochs=3, random_state=0)
    >>> classifier.fit(X[:600], y[:600]).score(X[600:900], y[600:900]) > 0.8
    True
    """

    def __init__(
        self,
        layers: Sequence[Layer] | None = None,
        *,
        image_shape: Sequence[int] | None = None,
        epochs: int = 20,
        batch_size: int = 32,
        learning_rate: Any = 3e-3,
        optimizer: Optimizer | None = None,
        validation: float | None = None,
        patience: int | None = None,
        scale: bool = True,
        dtype: str = "float32",
        random_state: Any = None,
        backend: str | None = None,
        progress: bool | None = False,
    ) -> None:
        # as scikit-learn requires, arguments are stored unchanged here and checked in fit
        self.layers = layers
        self.image_shape = image_shape
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.validation = validation
        self.patience = patience
        self.scale = scale
        self.dtype = dtype
        self.random_state = random_state
        self.backend = backend
        self.progress = progress

    def fit(self, X: Any, y: Any) -> Self:
        """Train a new network.

        Parameters
        ----------
        X : array, (N, features) or (N, C, *spatial)
            The examples.
        y : array, (N,)
            Their labels, of any kind that scikit-learn takes.

        Returns
        -------
        ConvClassifier
            Itself.

        Raises
        ------
        ValueError
            If the examples, labels or parameters do not fit.
        """
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], allow_nd=True)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"ConvClassifier needs examples of at least two classes; here is one class, {y[0]!r}")
        self.mean_, self.deviation_ = (float(X.mean()), float(X.std()) or 1.0) if self.scale else (0.0, 1.0)
        x = self._batch(X)
        layers = self._default_layers(x.ndim) if self.layers is None else copy.deepcopy(list(self.layers))
        self.network_ = Network([*layers, Dense(len(self.classes_))], dtype=self.dtype, backend=self.backend)
        self.network_.fit(
            x,
            labels.astype(np.int64),
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimizer=Adam(self.learning_rate) if self.optimizer is None else copy.deepcopy(self.optimizer),
            loss=CrossEntropy(),
            validation=self.validation,
            seed=int(check_random_state(self.random_state).randint(2**31 - 1)),
            patience=self.patience,
            progress=self.progress,
        )
        self.history_ = self.network_.history
        return self

    def decision_function(self, X: Any) -> Array:
        """The scores of the classes; for two classes the second's minus the first's, as in scikit-learn.

        Parameters
        ----------
        X : array, (N, features) or (N, C, *spatial)
            The examples.

        Returns
        -------
        array, (N, classes) or (N,)
        """
        scores = self._scores(X)
        difference: Array = scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores
        return difference

    def predict_proba(self, X: Any) -> Array:
        """The probabilities of the classes, in the order of ``classes_``.

        Parameters
        ----------
        X : array, (N, features) or (N, C, *spatial)
            The examples.

        Returns
        -------
        array, (N, classes)
        """
        return softmax(self._scores(X))

    def predict(self, X: Any) -> Array:
        """The most probable label of each example.

        Parameters
        ----------
        X : array, (N, features) or (N, C, *spatial)
            The examples.

        Returns
        -------
        array, (N,)
        """
        scores = self._scores(X)
        labels: Array = self.classes_[scores.argmax(axis=1)]
        return labels

    def _scores(self, X: Any) -> Array:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], allow_nd=True, reset=False)
        # float64: the label and the probabilities must not depend on how the difference of two scores is rounded
        return self.network_.predict(self._batch(X)).astype(np.float64)

    def _batch(self, X: Array) -> Array:
        if self.image_shape is not None and X.shape[1:] != tuple(self.image_shape):
            if prod(X.shape[1:]) != prod(self.image_shape):
                raise ValueError(
                    f"each example has shape {X.shape[1:]}, which does not hold the {prod(self.image_shape)} numbers "
                    f"of image_shape={tuple(self.image_shape)}"
                )
            X = X.reshape(len(X), *self.image_shape)
        return ((X - self.mean_) / self.deviation_).astype(self.dtype)

    @staticmethod
    def _default_layers(axes: int) -> list[Layer]:
        if axes == 2:
            return [Dense(64, activation="relu")]
        return [
            Conv(16, 3, padding="same", activation="relu"),
            MaxPool(2, padding="same"),
            Conv(32, 3, padding="same", activation="relu"),
            AvgPool(2, padding="same"),
            Flatten(),
        ]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.classifier_tags.poor_score = False
        return tags
