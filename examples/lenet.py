"""LeNet-5 (LeCun et al. 1998) on handwritten digits, enlarged to its 28 by 28 pixels."""

import numpy as np
from sklearn.datasets import load_digits

from gemmconv import nn

images, t = load_digits(return_X_y=True)
x = np.pad(np.kron(images.reshape(-1, 1, 8, 8) / 16, np.ones((3, 3))), ((0, 0), (0, 0), (2, 2), (2, 2)))
lenet = nn.Network(
    [
        nn.Conv(6, 5, padding=2, activation="tanh"),
        nn.AvgPool(2),
        nn.Conv(16, 5, activation="tanh"),
        nn.AvgPool(2),
        nn.Flatten(),
        nn.Dense(120, activation="tanh"),
        nn.Dense(84, activation="tanh"),
        nn.Dense(10),
    ]
)
lenet.fit(x.astype(np.float32), t, epochs=5, validation=0.2, seed=0)
print(lenet.history.records[-1])
