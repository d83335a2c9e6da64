"""The suite ``pooling``: every pooling and its gradient on layers of networks, in both layouts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

import gemmconv
from gemmconv.annotations import Array
from gemmconv.cli.bench.movement import OWN, Contestant, Movement
from gemmconv.cli.bench.pools import POOL_LAYERS, PoolLayer

FORWARD, BACKWARD = "forward", "backward_input"
WINDOWED = ("max", "max+indices", "average", "lp", "unpool")
ADAPTIVE = ("max", "max+indices", "average")
INDEX_BYTES = 8


@dataclass(frozen=True)
class Arrays:
    """What the passes of one pooling read, channels second; places are those of the maximum."""

    x: Array
    dy: Array
    places: Array
    y: Array  # of the Lp pooling, or empty

    def in_layout(self, layout: str) -> "Arrays":
        """With the channels last where ``layout`` says so."""
        return Arrays(*(to_layout(a, layout) for a in (self.x, self.dy, self.places, self.y)))


@dataclass(frozen=True)
class PoolOperation:
    """What a contestant is to do: an operation of a layer; ``arrays`` are channels second whatever the layout is."""

    what: str
    pass_: str
    layer: PoolLayer
    layout: str
    arrays: Arrays


Others = Sequence[Callable[[PoolOperation], Contestant]]


def to_layout(a: Array, layout: str) -> Array:
    """From channels second."""
    return a if layout == "NCHW" or a.ndim < 3 else np.ascontiguousarray(np.moveaxis(a, 1, -1))


def from_layout(a: Array, layout: str) -> Array:
    """Back to channels second."""
    return a if layout == "NCHW" else np.moveaxis(a, -1, 1)


def movements(batch: int, dtype: str, passes: Sequence[str], others: Others = ()) -> Iterator[Movement]:
    """Every operation on every layer, in both layouts; ``others`` take part beside us."""
    for layer in POOL_LAYERS:
        yield from movements_of(layer, batch, dtype, passes, others)


def movements_of(
    layer: PoolLayer, batch: int, dtype: str, passes: Sequence[str], others: Others = ()
) -> Iterator[Movement]:
    """Every operation on one layer, in both layouts."""
    arrays = drawn(layer, batch, dtype)
    for layout in ("NCHW", "NHWC"):
        for what in WINDOWED if layer.kernel else ADAPTIVE:
            for pass_ in passes:
                if pass_ in (FORWARD, BACKWARD) and not (what == "max" and pass_ == BACKWARD):
                    yield movement(PoolOperation(what, pass_, layer, layout, arrays), others)


def steps(passes: Sequence[str], layers: Sequence[PoolLayer] = POOL_LAYERS) -> int:
    """How many movements there are in a batch size."""
    forward, backward = FORWARD in passes, BACKWARD in passes
    return 2 * sum(
        forward * len(ops) + backward * (len(ops) - 1)
        for ops in (WINDOWED if layer.kernel else ADAPTIVE for layer in layers)
    )


def drawn(layer: PoolLayer, batch: int, dtype: str) -> Arrays:
    """Random inputs and the places of their maxima."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal((batch, layer.channels, *layer.input)).astype(dtype)
    _, places = own("max+indices", FORWARD, layer, Arrays(x, x, x, x), None, "NCHW")()
    dy = generator.standard_normal(places.shape).astype(dtype)
    y = gemmconv.lp_pool(x, layer.kernel, **options(layer)) if layer.kernel else np.empty(0, dtype)
    return Arrays(x, dy, places, y)


def options(layer: PoolLayer) -> dict[str, Any]:
    """Keywords of the windowed functions."""
    return {"stride": layer.stride, "padding": tuple((p, p) for p in layer.padding)}


def movement(operation: PoolOperation, others: Others) -> Movement:
    """One operation with its contestants."""
    what, pass_, layer, layout, arrays = (getattr(operation, field.name) for field in fields(operation))
    there = arrays.in_layout(layout)
    x, y, places = arrays.x.nbytes, arrays.dy.nbytes, arrays.places.nbytes
    moved = x + y  # of every pass the larger and the smaller array
    if what == "unpool" or (what == "max+indices"):
        moved += places
    if what == "lp" and pass_ == BACKWARD:
        moved += x + y

    def plain(call: Callable[[], Any]) -> Callable[[], Sequence[Array]]:
        def answer() -> Sequence[Array]:
            found = call()
            return [from_layout(np.asarray(a), layout) for a in (found if isinstance(found, tuple) else (found,))]

        return answer

    wide = Arrays(*(a.astype(np.float64) if a.dtype.kind == "f" else a for a in arrays.__dict__.values()))
    if wide.y.size:
        wide = Arrays(wide.x, wide.dy, wide.places, gemmconv.lp_pool(wide.x, layer.kernel, **options(layer)))

    def expected() -> Sequence[Array]:
        found = own(what, pass_, layer, wide, "reference", "NCHW")()
        return found if isinstance(found, tuple) else (found,)

    call = own(what, pass_, layer, there, None, layout)
    contestants = [Contestant(OWN, call, plain(call)), *(other(operation) for other in others)]
    cells = int(np.prod(layer.kernel or layer.input))
    return Movement(f"{layer.name} {what} {layout}", arrays.x.shape[0], pass_, moved, cells, expected, contestants)


def own(what: str, pass_: str, layer: PoolLayer, arrays: Arrays, backend: str | None, layout: str) -> Callable[[], Any]:
    """A call of gemmconv."""
    x, dy, places, y = arrays.x, arrays.dy, arrays.places, arrays.y
    where: dict[str, Any] = {"layout": layout, "backend": backend}
    if what == "unpool":
        if pass_ == FORWARD:
            return lambda: gemmconv.max_unpool(dy, places, x.shape, **where)
        return lambda: gemmconv.max_unpool_backward(x, places, **where)
    if what == "max+indices" and pass_ == BACKWARD:
        return lambda: gemmconv.max_pool_backward(dy, places, x.shape, **where)
    if not layer.kernel:
        if what == "average":
            if pass_ == FORWARD:
                return lambda: gemmconv.adaptive_avg_pool(x, layer.output, **where)
            return lambda: gemmconv.adaptive_avg_pool_backward(dy, x.shape, **where)
        indices = what == "max+indices"
        return lambda: gemmconv.adaptive_max_pool(x, layer.output, return_indices=indices, **where)
    windows = {**options(layer), **where}
    if what == "average":
        if pass_ == FORWARD:
            return lambda: gemmconv.avg_pool(x, layer.kernel, **windows)
        return lambda: gemmconv.avg_pool_backward(dy, x.shape, layer.kernel, **windows)
    if what == "lp":
        if pass_ == FORWARD:
            return lambda: gemmconv.lp_pool(x, layer.kernel, **windows)
        return lambda: gemmconv.lp_pool_backward(dy, x, y, layer.kernel, **windows)
    return lambda: gemmconv.max_pool(x, layer.kernel, return_indices=what == "max+indices", **windows)
