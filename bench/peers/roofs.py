"""The limits of the machine, measured in the same run: the roofs of a roofline plot (Williams et al. 2009)."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from gemmconv import _core
from gemmconv.cli.bench.records import Record

BLOCKS = 9
BLOCK_S = 0.008
STREAM_BYTES = 128 << 20  # far beyond any core's share of the last cache
CACHE_BYTES = 256 << 10  # with its copy half a megabyte


@dataclass(frozen=True)
class Roofs:
    """Operations and bytes per second, of all threads together."""

    dtype: str
    threads: int
    flops: float  # fused multiply-adds in registers, as the instruction set in use has them
    memory: float  # bytes read and written by a copy of 128 MiB
    cache: float  # the same of 256 KiB


def measure_roofs(dtype: str, threads: int) -> Roofs:
    """The fastest of several blocks each, all threads at the same time."""
    operations = _core.multiply_add(dtype, 1)
    steps = int(BLOCK_S / seconds_of(lambda: _core.multiply_add(dtype, 100_000)) * 100_000)
    with ThreadPoolExecutor(threads) as pool:
        flops = together(pool, threads, lambda: lambda: _core.multiply_add(dtype, steps), steps * operations)
        memory = together(pool, threads, lambda: copier(STREAM_BYTES, 1), 2 * STREAM_BYTES)
        cache = together(pool, threads, lambda: copier(CACHE_BYTES, 400), 400 * 2 * CACHE_BYTES)
    return Roofs(dtype, threads, flops, memory, cache)


def higher(one: Roofs, other: Roofs) -> Roofs:
    """The higher of two measurements of each: other processes can only lower them."""
    return replace(
        one,
        flops=max(one.flops, other.flops),
        memory=max(one.memory, other.memory),
        cache=max(one.cache, other.cache),
    )


def together(pool: ThreadPoolExecutor, threads: int, worker: Callable[[], Callable[[], object]], work: float) -> float:
    """Work per second when all threads run at the same time, in the best of several blocks."""
    calls = [worker() for _ in range(threads)]
    best = float("inf")
    for _ in range(BLOCKS):
        best = min(best, seconds_of(lambda: list(pool.map(lambda call: call(), calls))))
    return threads * work / best


def copier(size_bytes: int, repeats: int) -> Callable[[], None]:
    """Copies one array onto another, ``repeats`` times."""
    source, target = np.ones(size_bytes // 8), np.zeros(size_bytes // 8)

    def copy() -> None:
        for _ in range(repeats):
            np.copyto(target, source)

    return copy


def seconds_of(call: Callable[[], object]) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def intensity(record: Record) -> float:
    """Operations for each byte that has to move at least: operands and result once."""
    return record.flops / max(record.least_bytes, 1)


def roof_over(record: Record, roofs: Roofs) -> float:
    """The operations per second that its bytes and its arithmetic allow, if all its arrays are in memory."""
    return min(roofs.flops, intensity(record) * roofs.memory)
