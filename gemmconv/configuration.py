"""Information about this installation: how it was built, and where its headers and CMake files are."""

import json
import platform
from pathlib import Path
from typing import Any

import numpy as np

from gemmconv import _core
from gemmconv.backends import BACKENDS


def show_config(mode: str = "stdout") -> dict[str, Any] | None:
    """Show the version, compiler, instruction set in use, BLAS, OpenMP, GPU and paths.

    Parameters
    ----------
    mode : {"stdout", "dicts"}
        Whether to print the information or to return it.

    Returns
    -------
    dict or None
        The information, for ``mode="dicts"``.

    Raises
    ------
    ValueError
        If ``mode`` is neither.

    Examples
    --------
    >>> import gemmconv
    >>> gemmconv.show_config(mode="dicts")["version"] == gemmconv.__version__
    True
    """
    if mode not in ("stdout", "dicts"):
        raise ValueError(f"unknown mode {mode!r}; it must be 'stdout' or 'dicts'")
    facts: dict[str, Any] = json.loads(_core.config_json())
    facts.setdefault("gpu", "none: the GPU backend is not part of this version")
    facts["backends"] = list(BACKENDS)
    facts["python"] = platform.python_version()
    facts["numpy"] = np.__version__
    facts["path"] = str(installed_folder())
    if mode == "dicts":
        return facts
    print("\n".join(lines_of(facts)))
    return None


def get_include() -> str:
    """The folder that contains ``gemmconv/gemmconv.h`` and ``gemmconv/gemmconv.hpp``, for a compiler's option ``-I``.

    Returns
    -------
    str

    Examples
    --------
    >>> import gemmconv, os
    >>> os.path.isfile(os.path.join(gemmconv.get_include(), "gemmconv", "gemmconv.h"))
    True
    """
    return str(installed_folder() / "include")


def get_cmake_dir() -> str:
    """The folder that contains ``gemmconvConfig.cmake``, for CMake's ``CMAKE_PREFIX_PATH`` or ``gemmconv_DIR``.

    Returns
    -------
    str

    Examples
    --------
    >>> import gemmconv, os
    >>> os.path.isdir(gemmconv.get_cmake_dir())
    True
    """
    return str(installed_folder() / "lib" / "cmake" / "gemmconv")


def installed_folder() -> Path:
    """The folder of the compiled module, which in an editable installation is not that of the Python files."""
    return Path(_core.__file__).resolve().parent


def lines_of(facts: dict[str, Any], indent: str = "") -> list[str]:
    """``facts`` as aligned ``name  value`` lines, a nested dict below its name."""
    width = max(len(name) for name in facts)
    lines = []
    for name, value in facts.items():
        if isinstance(value, dict) and value:
            lines += [f"{indent}{name}", *lines_of(value, indent + "  ")]
        elif isinstance(value, list):
            lines.append(f"{indent}{name:<{width}}  {', '.join(map(str, value))}")
        else:
            lines.append(f"{indent}{name:<{width}}  {'none' if value is None else value}")
    return lines
