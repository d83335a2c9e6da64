"""Networks in files: NumPy's npz, so that every array has a checksum, and reading a file never runs code from it.

A file holds one JSON text, ``network`` (the layers, or where training stands), and the arrays. Nothing of a network is
changed before the whole file was read and found to fit.
"""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gemmconv.annotations import Array
from gemmconv.backends import to_numpy
from gemmconv.nn.convolutional import Conv, ConvTranspose
from gemmconv.nn.dense import Activation, Dense, Flatten
from gemmconv.nn.history import Progress
from gemmconv.nn.layer import Layer
from gemmconv.nn.model import Model
from gemmconv.nn.optimizers import Optimizer
from gemmconv.nn.pooling import AvgPool, LpPool, MaxPool
from gemmconv.nn.regularisation import BatchNorm, Dropout

PathLike = str | os.PathLike[str]

FORMAT = "gemmconv network 1"

LAYERS: dict[str, type[Layer]] = {
    layer.__name__: layer
    for layer in (
        Activation, AvgPool, BatchNorm, Conv, ConvTranspose, Dense, Dropout, Flatten, LpPool, MaxPool,
    )
}  # fmt: skip
"""The layers that a file can contain."""


def save(path: PathLike, network: Model) -> None:
    """Write layers and weights: see `Network.save`."""
    write(path, describe(network), weights(network))


def layers_of(path: PathLike, description: Mapping[str, Any]) -> list[Layer]:
    """New layers, as the file describes them."""
    layers = []
    for number, layer in enumerate(description["layers"]):
        kind = LAYERS.get(layer["kind"])
        if kind is None:
            raise ValueError(
                f"{path}: layer {number} is a {layer['kind']}, which is not one of gemmconv.nn: make the network "
                "with its layers and call its load(path)"
            )
        try:
            layers.append(kind(**{name: as_given(option) for name, option in layer["options"].items()}))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: layer {number}, a {layer['kind']}, cannot be made: {error}") from error
    return layers


def save_training(
    path: PathLike, network: Model, optimizer: Optimizer, generator: np.random.Generator, progress: Progress
) -> None:
    """Write a checkpoint: the file of a network, with the state of its training."""
    description = describe(network)
    description["training"] = {
        "optimizer": type(optimizer).__name__,
        "steps": optimizer.steps,
        "generator": generator.bit_generator.state,
        "epoch": progress.epoch,
        "best_loss": progress.best_loss,
        "epochs_without_gain": progress.epochs_without_gain,
        "records": progress.records,
    }
    arrays = weights(network)
    arrays.update({f"optimizer/{name}": array for name, array in optimizer.state.items()})
    arrays.update({f"best/{name}": array for name, array in progress.best.items()})
    write(path, description, arrays)


def load_training(path: PathLike, network: Model, optimizer: Optimizer, generator: np.random.Generator) -> Progress:
    """Restore network, optimiser and generator from a checkpoint."""
    description, arrays = read(path)
    training = description.get("training")
    if training is None:
        raise ValueError(f"{path} holds a network, but not where its training stands: load it and start a new training")
    if training["optimizer"] != type(optimizer).__name__:
        raise ValueError(
            f"{path} was written by a training with {training['optimizer']}, not with {type(optimizer).__name__}"
        )
    check_same_layers(path, network, description)
    fill(path, network, description, arrays)
    optimizer.steps = training["steps"]
    optimizer.state = on_backend(network, under("optimizer/", arrays))
    generator.bit_generator.state = training["generator"]
    return Progress(
        epoch=training["epoch"],
        best_loss=training["best_loss"],
        epochs_without_gain=training["epochs_without_gain"],
        records=training["records"],
        best=on_backend(network, under("best/", arrays)),
    )


def describe(network: Model) -> dict[str, Any]:
    """The layers and the dtype of a network, for JSON."""
    if not network.built or network.dtype is None:
        raise ValueError("this network has no weights to save yet: call build(input_shape) or fit(x, t)")
    layers = [{"kind": type(layer).__name__, "options": layer.options()} for layer in network.layers]
    return {"format": FORMAT, "dtype": network.dtype.name, "layers": layers}


def weights(network: Model) -> dict[str, Array]:
    """The arrays of a network, under their names in a file."""
    parameters = {f"parameters/{name}": array for name, array in network.parameters.items()}
    return {**parameters, **{f"buffers/{name}": array for name, array in network.buffers.items()}}


def on_backend(network: Model, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays of a file, as arrays of the network's backend."""
    xp = network.xp
    return {name: xp.asarray(array) for name, array in arrays.items()}


def under(folder: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays whose names begin with the prefix, under their names without it."""
    return {name.removeprefix(folder): array for name, array in arrays.items() if name.startswith(folder)}


def write(path: PathLike, description: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write a file atomically: under a temporary name in its folder, and renamed when all of it is on the disk."""
    arrays = {name: to_numpy(array) for name, array in arrays.items()}
    target = Path(path)
    shapes = {name: array.shape for name, array in arrays.items()}
    text = json.dumps({**description, "shapes": shapes}, default=as_plain).encode()
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with open(beside, "xb") as file:
            np.savez(file, network=np.frombuffer(text, np.uint8), **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def read(path: PathLike) -> tuple[dict[str, Any], dict[str, Array]]:
    """The description and the arrays of a file; ValueError if it is damaged or not the file of a network."""
    with open(path, "rb") as file:
        try:
            if file.read(2) != b"PK":
                raise ValueError("it is no npz file")
            file.seek(0)
            archive = np.load(file, allow_pickle=False)
            arrays = {name: archive[name] for name in archive.files}
            description = json.loads(arrays.pop("network", np.zeros(0, np.uint8)).tobytes() or b"{}")
            if description.get("format") != FORMAT:
                raise ValueError(f"its format is not {FORMAT!r}")
            if {name: list(array.shape) for name, array in arrays.items()} != description["shapes"]:
                raise ValueError("its arrays are not those it describes")
        except Exception as error:  # a damaged zip file can raise nearly anything
            raise ValueError(f"{path} is no network that gemmconv saved, or it is damaged: {error}") from error
    return description, arrays


def check_same_layers(path: PathLike, network: Model, description: Mapping[str, Any]) -> None:
    """ValueError unless the file describes this network's layers."""
    kinds = [layer["kind"] for layer in description["layers"]]
    own = [type(layer).__name__ for layer in network.layers]
    if kinds != own:
        raise ValueError(f"{path} holds a network of {', '.join(kinds)}; this one is made of {', '.join(own)}")
    for number, (layer, stored) in enumerate(zip(network.layers, description["layers"])):
        options = json.loads(json.dumps(layer.options(), default=as_plain))
        for name, option in stored["options"].items():
            if options.get(name) != option:
                raise ValueError(
                    f"{path} does not fit: layer {number}, {kinds[number]}, has {name}={option} there "
                    f"and {name}={options.get(name)} here"
                )


def fill(path: PathLike, network: Model, description: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Copy the arrays of a file into a network, after all of them were found to fit."""
    dtype = np.dtype(description["dtype"])
    if network.dtype is not None and network.dtype != dtype:
        raise ValueError(f"{path} holds a network of dtype {dtype}; this one computes in {network.dtype}")
    parameters, buffers = under("parameters/", arrays), under("buffers/", arrays)
    if network.built:
        check_same_weights(path, {**network.parameters, **network.buffers}, {**parameters, **buffers})
    for number, layer in enumerate(network.layers):
        layer.parameters = on_backend(network, under(f"{number}.", parameters))
        layer.buffers = on_backend(network, under(f"{number}.", buffers))
    network.dtype, network.built = dtype, True


def check_same_weights(path: PathLike, own: Mapping[str, Array], found: Mapping[str, Array]) -> None:
    """ValueError unless the arrays have the names and shapes of the network's own."""
    for name in sorted({*own, *found}):
        here = f"shape {own[name].shape}" if name in own else "none"
        there = f"shape {found[name].shape}" if name in found else "none"
        if here != there:
            raise ValueError(f"{path} does not fit: {name} has {there} there and {here} here")


def assign(network: Model, arrays: Mapping[str, Array]) -> None:
    """Copy arrays into the network's own."""
    for name, array in {**network.parameters, **network.buffers}.items():
        array[...] = arrays[name]


def as_plain(value: Any) -> Any:
    """NumPy's numbers and arrays as values that JSON can represent."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} cannot be stored")


def as_given(option: Any) -> Any:
    """Lists read from JSON, converted to the tuples that they were."""
    return tuple(as_given(item) for item in option) if isinstance(option, list) else option
