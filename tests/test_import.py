"""What ``import gemmconv`` does: public names, no unneeded imports, and the environment variables."""

import os
import subprocess
import sys

import pytest

import gemmconv

NAMES = [
    "conv",
    "conv_backward_input",
    "conv_backward_weight",
    "conv_backward_bias",
    "conv_backward",
    "conv_transpose",
    "conv_transpose_backward",
    "ConvGradients",
    "im2col",
    "col2im",
    "conv_matrix",
    "rot180",
    "max_pool",
    "max_pool_backward",
    "max_unpool",
    "max_unpool_backward",
    "avg_pool",
    "avg_pool_backward",
    "lp_pool",
    "lp_pool_backward",
    "adaptive_avg_pool",
    "adaptive_avg_pool_backward",
    "adaptive_max_pool",
    "activate",
    "activate_backward",
    "plan",
    "options",
    "set_options",
    "get_options",
    "show_config",
    "strategies",
    "get_include",
    "get_cmake_dir",
    "UnsupportedError",
    "__version__",
]


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter, away from the source tree."""
    return subprocess.run(
        [sys.executable, "-I", "-c", code],
        env={**os.environ, **environment},
        cwd=os.path.dirname(sys.executable),
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_public_names() -> None:
    assert sorted(gemmconv.__all__) == sorted(NAMES)
    for name in NAMES:
        assert hasattr(gemmconv, name)


@pytest.mark.parametrize("name", [name for name in NAMES if name.islower() and name != "__version__"])
def test_public_functions_are_documented(name: str) -> None:
    text = getattr(gemmconv, name).__doc__
    assert "Examples\n" in text
    assert ">>> " in text
    assert "Parameters\n" in text or "Returns\n" in text


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'convolve'"):
        gemmconv.convolve  # noqa: B018


def test_unsupported_is_a_value_error() -> None:
    assert issubclass(gemmconv.UnsupportedError, ValueError)


@pytest.mark.parametrize("module", ["scipy", "scipy.sparse", "cupy", "matplotlib", "torch", "tqdm", "gemmconv.nn"])
def test_nothing_is_loaded_in_vain(module: str) -> None:
    done = run(f"import sys, gemmconv; print({module!r} in sys.modules)")
    assert done.stdout.strip() == "False", done.stderr


def test_networks_are_loaded_at_their_first_use() -> None:
    done = run("import gemmconv; print(gemmconv.nn.__name__, 'nn' in dir(gemmconv))")
    assert done.stdout.split() == ["gemmconv.nn", "True"], done.stderr


@pytest.mark.parametrize(
    ("variable", "value", "listed"),
    [
        ("GEMMCONV_ISA", "sse9", "portable"),
        ("GEMMCONV_NUM_THREADS", "many", "1"),
        ("GEMMCONV_NUM_THREADS", "0", "1"),
        ("GEMMCONV_NUM_THREADS", "-1", "1"),
        ("GEMMCONV_NUM_THREADS", "2x", "1"),
    ],
)
def test_a_wrong_environment_raises_at_import(variable: str, value: str, listed: str) -> None:
    done = run("import gemmconv", **{variable: value})
    assert done.returncode != 0
    message = done.stderr.strip().splitlines()[-1]
    for part in (variable, value, listed):
        assert part in message
    assert "Error: " in message


def test_the_environment_takes_effect() -> None:
    code = """
import gemmconv
from gemmconv import _core
facts = gemmconv.show_config(mode="dicts")
print(_core.default_threads(), facts)
"""
    done = run(code, GEMMCONV_ISA="portable", GEMMCONV_NUM_THREADS="3")
    assert done.stdout.startswith("3 "), done.stderr
    assert "'portable'" in done.stdout


def test_show_config(capsys: pytest.CaptureFixture[str]) -> None:
    facts = gemmconv.show_config(mode="dicts")
    assert facts is not None
    assert facts["version"] == gemmconv.__version__
    assert capsys.readouterr().out == ""
    assert gemmconv.show_config() is None
    told = capsys.readouterr().out
    for name in facts:
        assert name in told
    assert gemmconv.__version__ in told
    with pytest.raises(ValueError, match=r"unknown mode 'json'.*'dicts'"):
        gemmconv.show_config(mode="json")


def test_headers_and_cmake_files_are_where_they_are_said_to_be() -> None:
    assert os.path.isfile(os.path.join(gemmconv.get_include(), "gemmconv", "gemmconv.h"))
    assert os.path.isfile(os.path.join(gemmconv.get_cmake_dir(), "gemmconvConfig.cmake"))


def test_a_backend_is_imported_when_it_is_used() -> None:
    code = """
import sys
import numpy, gemmconv
x, w = numpy.ones((1, 1, 4)), numpy.ones((1, 1, 2))
gemmconv.conv(x, w)
assert "gemmconv.backends.reference" not in sys.modules
gemmconv.conv(x, w, backend="reference")
assert "gemmconv.backends.reference" in sys.modules
"""
    done = run(code)
    assert done.returncode == 0, done.stderr
