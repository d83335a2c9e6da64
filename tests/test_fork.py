"""A child forked from a process that has convolved on several threads convolves, on one thread, without hanging."""

import os

import pytest
from installation import fresh_python

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

PREPARE = """
import os, sys, signal, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # forking a process with threads is the point
import numpy as np
import gemmconv
from gemmconv import _core

generator = np.random.default_rng(0)
x = generator.standard_normal((4, 32, 24, 24)).astype(np.float32)
w = generator.standard_normal((48, 32, 3, 3)).astype(np.float32)

def everything():
    answers = []
    for strategy in _core.strategy_names() + ("auto",):
        for deterministic in (False, True):
            with gemmconv.options(deterministic=deterministic, threads=THREADS):
                try:
                    y = gemmconv.conv(x, w, padding=1, strategy=strategy)
                    dx = gemmconv.conv_backward_input(y, w, x.shape, padding=1, strategy=strategy)
                    dw = gemmconv.conv_backward_weight(y, x, w.shape, padding=1, strategy=strategy)
                except gemmconv.UnsupportedError:
                    continue
                answers += [y, dx, dw]
    answers += [gemmconv.max_pool(x, 2), gemmconv.avg_pool(x, 3), gemmconv.conv_backward_bias(x)]
    return answers

def same(answers):
    assert len(answers) == len(expected) > 9
    for a, b in zip(answers, expected):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3 * np.abs(b).max())
    return True

THREADS = 3
expected = everything()
"""

FORK = """
child = os.fork()
if child == 0:
    signal.alarm(60)
    status = 1
    try:
        same(everything())
        THREADS = None
        assert _core.default_threads() == 1, _core.default_threads()
        same(everything())
        status = 0
    finally:
        os._exit(status)
same(everything())  # the parent goes on at the same time
_, status = os.waitpid(child, 0)
assert status == 0, f"the child ended with {status}"
print("right")
"""

POOL = """
import multiprocessing

def task(number):
    signal.alarm(60)
    return number, same(everything())

with multiprocessing.get_context("fork").Pool(3) as pool:
    assert sorted(pool.map(task, range(6))) == [(i, True) for i in range(6)]
print("right")
"""

GRANDCHILD = """
child = os.fork()
if child == 0:
    signal.alarm(60)
    same(everything())
    grandchild = os.fork()
    if grandchild == 0:
        signal.alarm(60)
        os._exit(0 if same(everything()) else 1)
    os._exit(os.waitpid(grandchild, 0)[1] != 0)
assert os.waitpid(child, 0)[1] == 0
print("right")
"""

BUSY = """
import threading
stop = threading.Event()

def convolve():
    while not stop.is_set():
        gemmconv.conv(x, w, padding=1)

threads = [threading.Thread(target=convolve) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(8):  # forks fall into the middle of other threads' calls
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        status = 1
        try:
            same(everything())
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in threads:
    thread.join()
print("right")
"""


@pytest.mark.parametrize("then", [FORK, POOL, GRANDCHILD, BUSY], ids=["fork", "pool", "grandchild", "busy_parent"])
def test_forked_child_convolves(then: str) -> None:
    assert fresh_python(PREPARE + then).endswith("right")
