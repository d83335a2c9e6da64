"""Scratch memory stays under its limit, measured from outside; caches do not grow with new shapes."""

import sys

import numpy as np
import pytest
from cases import CASES, LAYERS, PASSES
from installation import fresh_python
from passes import STRATEGIES, VARIANTS, plan_for, refusal

import gemmconv
from gemmconv import _core

LIMITS = (0, 64 << 10, 1 << 20, 64 << 20)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("threads", [1, 3])
def test_no_plan_asks_for_more_than_the_limit(limit: int, threads: int) -> None:
    with gemmconv.options(workspace_limit=limit, threads=threads):
        for case in CASES + LAYERS:
            for pass_ in PASSES:
                for strategy in ("auto", *STRATEGIES, *VARIANTS):
                    if (reason := refusal(case, pass_, "float32", strategy)) is None:
                        plan = plan_for(case, pass_, "float32", strategy=strategy)
                        assert plan.workspace_bytes <= limit
                    else:
                        assert strategy not in ("auto", "direct", "direct/loops"), reason


def test_large_layers_fit_into_the_default_limit() -> None:
    """im2col makes its columns in blocks instead of refusing, even for 9x9 kernels, which take gigabytes elsewhere."""
    shapes = (
        ((32, 64, 224, 224), (64, 64, 3, 3)),
        ((64, 128, 128, 128), (128, 128, 9, 9)),
        ((1, 3, 4096, 4096), (64, 3, 7, 7)),
        ((8, 512, 64, 64), (512, 512, 3, 3)),
        ((2, 32, 64, 64, 64), (32, 32, 3, 3, 3)),
    )
    for x_shape, w_shape in shapes:
        for pass_ in PASSES:
            for layout_shape, layout in ((x_shape, "NCHW"), ((x_shape[0], *x_shape[2:], x_shape[1]), "NHWC")):
                plan = gemmconv.plan(pass_, layout_shape, w_shape, layout=layout, padding=1, strategy="im2col")
                assert plan.workspace_bytes <= 64 << 20


MEASURE = """
import sys
import numpy as np
import gemmconv
from gemmconv import _core

def megabytes(field):
    with open("/proc/self/status") as status:  # of this process alone, unlike ru_maxrss, which outlives an exec
        return next(int(line.split()[1]) for line in status if line.startswith(field)) / 1024

pass_, strategy, limit = sys.argv[1], sys.argv[2], int(sys.argv[3])
x = np.ones((8, 64, 96, 96), np.float32)
w = np.ones((64, 64, 3, 3), np.float32)
y = np.ones((8, 64, 96, 96), np.float32)
out = np.ones_like(w if pass_ == "backward_weight" else x)
with gemmconv.options(workspace_limit=1 << 20, threads=2):  # BLAS and OpenMP have their own memory by now
    gemmconv.conv(x[:1], w, padding=1, strategy=strategy)
    gemmconv.conv_backward_weight(y[:1], x[:1], w.shape, padding=1, strategy=strategy)
_core.clear_caches()
with gemmconv.options(workspace_limit=limit, threads=2):
    options = dict(padding=1, strategy=strategy, out=out)
    with open("/proc/self/clear_refs", "w") as reset:
        reset.write("5")  # the high-water mark begins here
    before = megabytes("VmHWM")
    if pass_ == "forward":
        gemmconv.conv(x, w, **options)
    elif pass_ == "backward_input":
        gemmconv.conv_backward_input(y, w, x.shape, **options)
    else:
        gemmconv.conv_backward_weight(y, x, w.shape, **options)
print(megabytes("VmHWM") - before, np.isfinite(out).all())
"""

# What BLAS and the threads may still take for themselves; the whole column matrix would be 162 MiB.
OTHERS_MEGABYTES = 24


@pytest.mark.skipif(sys.platform != "linux", reason="measured through /proc")
@pytest.mark.parametrize("pass_", PASSES)
@pytest.mark.parametrize(
    ("strategy", "limit"),
    [("direct", 0), ("auto", 0), *[("im2col", 1 << 20), ("im2col", 16 << 20), ("auto", 64 << 20)]],
)
def test_measured_growth_stays_under_the_limit(pass_: str, strategy: str, limit: int) -> None:
    growth, finite = fresh_python(MEASURE, pass_, strategy, str(limit)).split()
    assert finite == "True"
    assert float(growth) <= limit / 2**20 + OTHERS_MEGABYTES


def test_kept_scratch_memory_is_bounded_and_can_be_dropped() -> None:
    generator = np.random.default_rng(0)
    for size in (8, 32, 96, 128, 48, 160):
        x = generator.standard_normal((2, 32, size, size), np.float32)
        w = generator.standard_normal((32, 32, 3, 3), np.float32)
        gemmconv.conv(x, w, strategy="im2col")
        assert _core.retained_workspace_bytes() <= 128 << 20
    _core.clear_caches()
    assert _core.retained_workspace_bytes() == 0
    assert _core.cached_plans() == 0


def test_plan_cache_is_bounded() -> None:
    """Thousands of shapes, as variable-length inputs bring them."""
    w = np.ones((2, 1, 3), np.float32)
    largest = 0
    with gemmconv.options(threads=1):
        for width in range(3, 3003):
            gemmconv.conv(np.ones((1, 1, width), np.float32), w)
            largest = max(largest, _core.cached_plans())
    assert 1 < largest <= 1024
    assert _core.cached_plans() == largest


GROWTH = """
import numpy as np
import gemmconv

def megabytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024

w = np.ones((2, 1, 3, 3), np.float32)
def shapes(first, last):
    for width in range(first, last):
        x = np.ones((1, 1, 5, width), np.float32)
        y = gemmconv.conv(x, w)
        gemmconv.conv_backward(y, x, w)

shapes(3, 1000)
before = megabytes()
shapes(1000, 4000)
print(megabytes() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measured through /proc")
def test_memory_does_not_grow_with_new_shapes() -> None:
    assert float(fresh_python(GROWTH)) < 8
