"""Many Python threads at once, the GIL released, and the sources of the default number of threads."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from cases import LAYERS, PASSES, expected_answer, operands
from installation import fresh_python
from numpy.typing import NDArray
from passes import plan_for, run_pass
from tolerance import assert_within, stated_bound, tolerance

import gemmconv
from gemmconv import _core

Array = NDArray[Any]

OPENMP = gemmconv.show_config(mode="dicts")["executor"] == "openmp"


def all_at_once(workers: int, work: Callable[[int], None]) -> None:
    """Run work(0) .. work(workers - 1), all starting together; the first error is raised."""
    barrier = threading.Barrier(workers)

    def begin(worker: int) -> None:
        barrier.wait(timeout=30)
        work(worker)

    with ThreadPoolExecutor(workers) as pool:
        for future in [pool.submit(begin, worker) for worker in range(workers)]:
            future.result(timeout=120)


def test_many_threads_with_different_options() -> None:
    """Eight threads, each with its own threads, strategy, determinism and workspace limit, all right."""
    prepared = {}
    for case in LAYERS:
        for pass_ in PASSES:
            bound = max(
                stated_bound(plan_for(case, pass_, "float32", strategy=strategy), case, pass_, "float32")
                for strategy in ("direct", "im2col")
            )
            right, absolute = expected_answer(case, pass_, "float32", "normal", False)
            within = tolerance(bound, absolute, case.longest_chain(pass_))
            prepared[case, pass_] = (*operands(case, pass_, "float32"), right, within)

    def work(worker: int) -> None:
        options: dict[str, Any] = {
            "threads": worker % 4 + 1,
            "deterministic": worker % 3 == 0,
            "workspace_limit": (64 << 20, 1 << 20, 256 << 10)[worker % 3],
        }
        strategy = ("auto", "direct", "im2col")[worker % 3] if worker != 5 else "auto"
        with gemmconv.options(**options):
            for _ in range(5):
                for (case, pass_), (first, second, right, within) in prepared.items():
                    try:
                        got = run_pass(case, pass_, first, second, strategy=strategy)
                    except gemmconv.UnsupportedError:
                        assert strategy == "im2col", "only im2col needs more than these limits"
                        continue
                    assert_within(got, right, within, f"thread {worker} {case} {pass_}")
                    assert gemmconv.get_options()["threads"] == options["threads"]

    all_at_once(8, work)


def test_one_plan_from_many_threads() -> None:
    case = LAYERS[0]
    for pass_ in PASSES:
        first, second = operands(case, pass_, "float32")
        with gemmconv.options(threads=2):
            plan = plan_for(case, pass_, "float32")
        expected = plan(first, second)
        inputs = [(first * np.float32(2.0**worker), second) for worker in range(6)]  # powers of two: exact

        def work(worker: int, plan: Any = plan, inputs: list[Any] = inputs, expected: Array = expected) -> None:
            for _ in range(20):
                np.testing.assert_array_equal(plan(*inputs[worker]), expected * np.float32(2.0**worker))

        all_at_once(6, work)


def test_new_shapes_from_many_threads() -> None:
    """The plan cache under contention: every thread makes plans of its own, and some that all threads make."""

    def work(worker: int) -> None:
        for i in range(300):
            width = 4 + i % 50 if i % 2 else 60 + 300 * worker + i
            y = gemmconv.conv(np.ones((1, 1, width), np.float32), np.ones((1, 1, 3), np.float32))
            assert y.shape == (1, 1, width - 2)
            assert (y == 3).all()
            if i % 97 == 0:
                _core.clear_caches()

    all_at_once(6, work)


def test_options_are_those_of_the_context() -> None:
    def work(worker: int) -> None:
        assert gemmconv.get_options()["threads"] is None
        with gemmconv.options(threads=worker + 1):
            time.sleep(0.01)
            assert gemmconv.get_options()["threads"] == worker + 1

    with gemmconv.options(threads=17):
        all_at_once(4, work)
        assert gemmconv.get_options()["threads"] == 17


@pytest.mark.parametrize("strategy", ["direct", "im2col"])
def test_the_gil_is_released(strategy: str) -> None:
    """During a long convolution in one thread, another one runs Python code."""
    w = np.ones((32, 32, 3, 3), np.float32)
    images = 1
    while True:  # one call long enough to see into
        x = np.ones((images, 32, 64, 64), np.float32)
        start = time.perf_counter()
        with gemmconv.options(threads=1):
            gemmconv.conv(x, w, strategy=strategy)
        if time.perf_counter() - start > 0.2:
            break
        images *= 2
    started, ended = threading.Event(), threading.Event()

    def convolve() -> None:
        with gemmconv.options(threads=1):
            started.set()
            gemmconv.conv(x, w, strategy=strategy)
            ended.set()

    thread = threading.Thread(target=convolve)
    thread.start()
    started.wait()
    ticks = 0
    while not ended.is_set():
        time.sleep(0.002)
        ticks += 1
    thread.join()
    assert ticks >= 10


DEFAULT = "import gemmconv; from gemmconv import _core; print(_core.default_threads())"


@pytest.mark.skipif(not OPENMP, reason="built without OpenMP")
@pytest.mark.parametrize("threads", ["1", "2", "3"])
def test_omp_num_threads(threads: str) -> None:
    assert fresh_python(DEFAULT, OMP_NUM_THREADS=threads) == threads


@pytest.mark.parametrize("threads", ["1", "3"])
def test_own_variable_comes_first(threads: str) -> None:
    assert fresh_python(DEFAULT, OMP_NUM_THREADS="2", GEMMCONV_NUM_THREADS=threads) == threads


@pytest.mark.skipif(not OPENMP, reason="built without OpenMP")
def test_threadpoolctl_sets_the_default() -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")
    assert any(library["user_api"] == "openmp" for library in threadpoolctl.threadpool_info())
    if os.environ.get("GEMMCONV_NUM_THREADS"):
        pytest.skip("GEMMCONV_NUM_THREADS comes first")
    for threads in (1, 2, 3):
        with threadpoolctl.threadpool_limits(threads, user_api="openmp"):
            assert _core.default_threads() == threads


def test_blas_thread_count_is_left_alone() -> None:
    """No call changes the process-wide number of BLAS threads, not even for its own time."""
    threadpoolctl = pytest.importorskip("threadpoolctl")

    def counts() -> list[int]:
        return [library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]

    before = counts()
    x, w = np.ones((4, 32, 32, 32), np.float32), np.ones((32, 32, 3, 3), np.float32)
    stop = threading.Event()

    def convolve() -> None:
        with gemmconv.options(threads=3):
            while not stop.is_set():
                gemmconv.conv(x, w, strategy="im2col")

    thread = threading.Thread(target=convolve)
    thread.start()
    try:
        for _ in range(20):
            assert counts() == before
    finally:
        stop.set()
        thread.join()
