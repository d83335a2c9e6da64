"""The training loop around the five steps: mini-batches, validation, early stopping, checkpoints, a progress bar."""

import copy
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import isfinite, prod
from pathlib import Path
from typing import Any

import numpy as np

from gemmconv.annotations import Array
from gemmconv.backends import array_module
from gemmconv.nn import storage
from gemmconv.nn.history import History, Progress, Record
from gemmconv.nn.layer import Mode
from gemmconv.nn.losses import Loss
from gemmconv.nn.model import Model
from gemmconv.nn.optimizers import Optimizer

Callback = Callable[[Any, Record], Any]
"""Called with the network and the newest record after each epoch; True ends the training."""

Validation = float | tuple[Any, Any] | None
"""A share of the examples to hold out, or a pair of examples and targets."""


def train(
    network: Model,
    x: Any,
    t: Any,
    *,
    epochs: int,
    batch_size: int,
    optimizer: Optimizer,
    loss: Loss,
    validation: Validation,
    generator: np.random.Generator,
    shuffle: bool,
    patience: int | None,
    checkpoint: str | os.PathLike[str] | None,
    resume: bool,
    callbacks: Sequence[Callback],
    progress: bool | None,
) -> None:
    """Train the network in place: see `Network.fit`."""
    check_arguments(epochs, batch_size, patience, checkpoint, resume)
    weights_generator, split_generator, generator = generator.spawn(3)
    x, t, held_out = examples(network, loss, x, t, validation, split_generator)
    if not network.built:
        network.build(x[:1].shape, seed=weights_generator, like=x)
    state = Progress()
    if resume and checkpoint is not None and Path(checkpoint).exists():
        state = storage.load_training(checkpoint, network, optimizer, generator)
        network.history = History(list(state.records))
    mode = Mode(training=True, generator=generator, backend=network.backend)
    steps, xp = -(-len(x) // batch_size), array_module(x)
    with progress_bar(epochs * steps, state.epoch * steps, progress) as advance:
        while state.epoch < epochs and not (patience is not None and state.epochs_without_gain >= patience):
            started = time.perf_counter()
            order = xp.asarray(generator.permutation(len(x))) if shuffle else xp.arange(len(x))
            record: Record = {}
            total, right, seen = 0.0, 0, 0
            for step in range(steps):
                chosen = order[step * batch_size : (step + 1) * batch_size]
                found = network.gradients(x[chosen], t[chosen], loss=loss, mode=mode)
                if not isfinite(found.cost):
                    raise FloatingPointError(
                        f"the loss became {found.cost} in epoch {state.epoch + 1}, step {step + 1} of {steps}: "
                        "try a smaller learning rate, or look for values in the input that are not finite"
                    )
                optimizer.step(network.parameters, found.parameters, state.epoch + step / steps)
                for layer, kept in zip(network.layers, found.kept):
                    layer.learn_statistics(kept)
                seen += len(chosen)
                total += found.cost * len(chosen)
                record["loss"] = total / seen
                correct = loss.correct(found.output, found.targets)
                if correct is not None:
                    right += correct
                    record["accuracy"] = right / (seen * pixels(found.output))
                advance(state.epoch + 1, record)
            record["learning_rate"] = optimizer.rate(state.epoch + (steps - 1) / steps)
            if held_out is not None:
                measures = network.evaluate(*held_out, loss=loss)
                record.update({f"validation_{name}": measure for name, measure in measures.items()})
            record["seconds"] = time.perf_counter() - started
            state.epoch += 1
            state.records.append(record)
            network.history.records.append(record)
            note_gain(state, network, record.get("validation_loss", record["loss"]), patience)
            if checkpoint is not None:
                storage.save_training(checkpoint, network, optimizer, generator, state)
            answers = [callback(network, record) for callback in callbacks]
            if any(answer is True for answer in answers):
                break
    if patience is not None and state.best:
        storage.assign(network, state.best)


def check_arguments(
    epochs: int, batch_size: int, patience: int | None, checkpoint: str | os.PathLike[str] | None, resume: bool
) -> None:
    """ValueError if a number is outside its range."""
    if epochs < 0 or batch_size < 1:
        raise ValueError(f"epochs must not be negative and batch_size at least 1, not {epochs} and {batch_size}")
    if patience is not None and patience < 1:
        raise ValueError(f"patience must be at least 1 epoch, not {patience}")
    if resume and checkpoint is None:
        raise ValueError("resume=True needs the checkpoint to go on from")


def examples(
    network: Model, loss: Loss, x: Any, t: Any, validation: Validation, generator: np.random.Generator
) -> tuple[Array, Array, tuple[Array, Array] | None]:
    """Examples and targets as arrays, and those held out."""
    x = network.batch(x)
    t = network.targets(loss, t, x)
    if len(x) != len(t):
        raise ValueError(f"there are {len(x)} examples, but {len(t)} targets")
    if not len(x):
        raise ValueError("there are no examples to train on")
    if validation is None:
        return x, t, None
    if isinstance(validation, tuple | list):
        x_held = network.batch(validation[0])
        t_held = network.targets(loss, validation[1], x_held)
        if len(x_held) != len(t_held) or not len(x_held):
            raise ValueError(f"validation holds {len(x_held)} examples and {len(t_held)} targets")
        return x, t, (x_held, t_held)
    count = round(len(x) * validation)
    if not 0 < count < len(x):
        raise ValueError(
            f"validation={validation} of {len(x)} examples would hold out {count}: give a share between 0 and 1 "
            "that leaves some on both sides"
        )
    order = generator.permutation(len(x))
    order[count:].sort()
    held, rest = (array_module(x).asarray(part) for part in (order[:count], order[count:]))
    return x[rest], t[rest], (x[held], t[held])


def pixels(a: Array) -> int:
    """How many labels one example has: 1, or the number of pixels of a map of scores."""
    return prod(a.shape[2:])


def note_gain(state: Progress, network: Model, measure: float, patience: int | None) -> None:
    """Copy the weights if they are the best so far, for early stopping to restore them."""
    if patience is None:
        return
    if measure < state.best_loss:
        state.best_loss = measure
        state.epochs_without_gain = 0
        state.best = copy.deepcopy({**network.parameters, **network.buffers})
    else:
        state.epochs_without_gain += 1


@contextmanager
def progress_bar(total: int, done: int, wanted: bool | None) -> Iterator[Callable[[int, Record], None]]:
    """A bar on stderr over all steps of all epochs; None shows one on a terminal, if tqdm is installed."""
    try:
        if wanted is False:
            raise ModuleNotFoundError
        from tqdm import tqdm
    except ModuleNotFoundError:
        if wanted:
            raise ModuleNotFoundError("a progress bar needs tqdm: pip install 'gemmconv[nn]'") from None
        yield lambda epoch, record: None
        return
    disable = None if wanted is None else False
    with tqdm(total=total, initial=done, unit="batch", disable=disable, dynamic_ncols=True) as bar:

        def advance(epoch: int, record: Record) -> None:
            if not bar.disable:
                measures = {name: f"{record[name]:.4f}" for name in ("loss", "accuracy") if name in record}
                bar.set_description(f"epoch {epoch}", refresh=False)
                bar.set_postfix(measures, refresh=False)
            bar.update()

        yield advance
