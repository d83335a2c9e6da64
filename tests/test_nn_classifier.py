"""`ConvClassifier` is a scikit-learn classifier: by its own checks, in a pipeline, in a search."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from gemmconv import nn


@parametrize_with_checks([nn.ConvClassifier(random_state=0)])
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def digits() -> tuple[Any, Any]:
    return load_digits(return_X_y=True)


def small(**options: Any) -> nn.ConvClassifier:
    layers = [nn.Conv(8, 3, activation="relu"), nn.MaxPool(2), nn.Flatten()]
    return nn.ConvClassifier(layers, **{"image_shape": (1, 8, 8), "epochs": 6, "random_state": 0, **options})


def test_pipeline(digits: tuple[Any, Any]) -> None:
    X, y = digits
    pipeline = make_pipeline(MinMaxScaler(), small()).fit(X[:800], y[:800])
    assert pipeline.score(X[800:], y[800:]) > 0.85
    probabilities = pipeline.predict_proba(X[800:810])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), pipeline.predict(X[800:810]))


def test_search_over_parameters(digits: tuple[Any, Any]) -> None:
    X, y = digits
    search = GridSearchCV(small(epochs=2), {"learning_rate": [1e-6, 1e-2]}, cv=2).fit(X[:300], y[:300])
    assert search.best_params_ == {"learning_rate": 1e-2}
    assert search.best_estimator_.network_.history["loss"]


def test_cross_validation_of_images(digits: tuple[Any, Any]) -> None:
    """Images as they are, labels as words."""
    X, y = digits
    images, words = X[:200].reshape(-1, 1, 8, 8), np.array(["even", "odd"])[y[:200] % 2]
    assert cross_val_score(small(image_shape=None), images, words, cv=2).mean() > 0.6


def test_the_given_layers_stay_as_they_are(digits: tuple[Any, Any]) -> None:
    X, y = digits
    classifier = small(epochs=1)
    classifier.fit(X[:50], y[:50])
    assert all(not layer.parameters for layer in classifier.layers)
    again = clone(classifier).fit(X[:50], y[:50])
    np.testing.assert_array_equal(again.predict_proba(X), classifier.predict_proba(X))


def test_an_image_shape_that_does_not_fit(digits: tuple[Any, Any]) -> None:
    with pytest.raises(ValueError, match="63 numbers"):
        small(image_shape=(1, 7, 9)).fit(*digits)


def test_optimizer_in_place_of_adam(digits: tuple[Any, Any]) -> None:
    X, y = digits
    optimizer = nn.SGD(0.05, momentum=0.9)
    assert small(optimizer=optimizer, epochs=3).fit(X[:600], y[:600]).score(X[600:900], y[600:900]) > 0.7
    assert optimizer.steps == 0
