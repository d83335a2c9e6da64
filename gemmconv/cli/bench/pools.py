"""Pooling layers of real networks, as data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PoolLayer:
    """A pooling of (batch, channels, *input). Without a kernel it is global, and done by the adaptive functions."""

    name: str
    channels: int
    input: tuple[int, ...]
    kernel: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    padding: tuple[int, ...] = ()
    output: tuple[int, ...] = ()  # of an adaptive pooling


POOL_LAYERS = (
    PoolLayer("vgg-224-2x2", 64, (224, 224), (2, 2), (2, 2), (0, 0)),
    PoolLayer("vgg-56-2x2", 256, (56, 56), (2, 2), (2, 2), (0, 0)),
    PoolLayer("vgg-14-2x2", 512, (14, 14), (2, 2), (2, 2), (0, 0)),
    PoolLayer("resnet-112-3x3-s2", 64, (112, 112), (3, 3), (2, 2), (1, 1)),
    PoolLayer("alexnet-13-3x3-s2", 256, (13, 13), (3, 3), (2, 2), (0, 0)),
    PoolLayer("googlenet-28-3x3-s1", 192, (28, 28), (3, 3), (1, 1), (1, 1)),
    PoolLayer("googlenet-7x7-3x3-s1", 832, (7, 7), (3, 3), (1, 1), (1, 1)),
    PoolLayer("lenet-28-2x2", 6, (28, 28), (2, 2), (2, 2), (0, 0)),
    PoolLayer("pyramid-224-2x2", 3, (224, 224), (2, 2), (2, 2), (0, 0)),
    PoolLayer("m5-1d-1999-k4", 128, (1999,), (4,), (4,), (0,)),
    PoolLayer("c3d-3d-28-2x2x2", 128, (8, 28, 28), (2, 2, 2), (2, 2, 2), (0, 0, 0)),
    PoolLayer("i3d-3d-14-3x3x3-s1", 128, (8, 14, 14), (3, 3, 3), (1, 1, 1), (1, 1, 1)),
    PoolLayer("resnet-7x7-global", 2048, (7, 7), output=(1, 1)),
    PoolLayer("vgg-adaptive-14-7x7", 512, (14, 14), output=(7, 7)),
    PoolLayer("pyramid-adaptive-13-6x6", 256, (13, 13), output=(6, 6)),
)
