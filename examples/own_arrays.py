"""Train on arrays of your own: does a noisy picture hold a horizontal or a vertical bar, and how bright is it?

Put your arrays in the place of `make`: images (N, C, height, width), signals (N, C, length) or volumes
(N, C, depth, height, width); targets are integer labels, or numbers for regression.
"""

from pathlib import Path
from typing import Any

import numpy as np

from gemmconv import nn


def make(count: int, generator: np.random.Generator) -> tuple[Any, Any, Any]:
    """Pictures, labels (0 horizontal, 1 vertical) and the brightness of the bar."""
    x = generator.normal(0, 0.3, (count, 1, 16, 16)).astype(np.float32)
    labels, brightness = generator.integers(0, 2, count), generator.uniform(0.5, 2, count)
    for image, label, value in zip(x[:, 0], labels, brightness):
        row, column = generator.integers(0, 15), generator.integers(0, 8)
        (image if label == 0 else image.T)[row : row + 2, column : column + 8] += value
    return x, labels, brightness[:, None]


generator = np.random.default_rng(0)
x, labels, brightness = make(1000, generator)
x_new, labels_new, brightness_new = make(200, generator)

# Labels: the loss is cross-entropy. The best weights by validation are kept, and every epoch is saved, so that the same
# call with resume=True goes on where a training was interrupted.
classifier = nn.Network(
    [
        nn.Conv(8, 5, padding="same", activation="relu"),
        nn.MaxPool(4),
        nn.Conv(16, 3, padding="same", activation="relu"),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Dense(2),
    ]
)
classifier.fit(
    x,
    labels,
    epochs=20,
    batch_size=32,
    optimizer=nn.Adam(nn.CosineDecay(3e-3, epochs=20)),
    validation=0.2,
    patience=5,
    checkpoint="bars.npz",
    seed=0,
)
print("bars told apart:", classifier.evaluate(x_new, labels_new)["accuracy"])

# A file holds layers and weights: this needs nothing but the file.
classifier.save("bars.npz")
again = nn.Network.load("bars.npz")
print("the same after saving and loading:", np.array_equal(again.predict(x_new), classifier.predict(x_new)))
Path("bars.npz").unlink()

# Numbers: the loss is the squared error.
regression = nn.Network([nn.Conv(8, 5, activation="relu"), nn.LpPool(12, p=4), nn.Flatten(), nn.Dense(1)])
regression.fit(x, brightness.astype(np.float32), epochs=15, optimizer=nn.Adam(1e-2), seed=0)
error = np.abs(regression.predict(x_new) - brightness_new).mean()
print(
    f"brightness, mean error: {error:.3f} (guessing the mean: {np.abs(brightness_new - brightness.mean()).mean():.3f})"
)
