"""CMake and compilers for tests that build programs: from their wheels, outside any virtual environment."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from installation import ROOT


def bare_environment() -> dict[str, str]:
    """What a user's shell has without any Python environment: a PATH of the system's folders, nothing else."""
    inside = {Path(sys.prefix).resolve(), Path(sys.exec_prefix).resolve()}
    folders = [f for f in os.environ.get("PATH", os.defpath).split(os.pathsep) if f]
    outside = [f for f in folders if not any(place in Path(f).resolve().parents for place in inside)]
    return {"PATH": os.pathsep.join(outside), "HOME": os.environ.get("HOME", "/")}


def tool(name: str) -> str:
    """cmake or ninja: the binary of its wheel, which starts without Python, else the one on the PATH."""
    if name == "cmake":
        import cmake

        folder = cmake.CMAKE_BIN_DIR
    else:
        import ninja

        folder = ninja.BIN_DIR
    found = shutil.which(name, path=folder) or shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is not installed: pip install 'gemmconv[test]'")
    return found


def compiler(language: str) -> str:
    found = shutil.which(os.environ.get("CC" if language == "c" else "CXX", "cc" if language == "c" else "c++"))
    if found is None:
        pytest.fail(f"no compiler for {language}")
    return found


def run(*words: str | Path, cwd: Path | None = None) -> str:
    """Run a command in the bare environment; a failure shows what it printed."""
    done = subprocess.run(
        words, cwd=cwd, env=bare_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900
    )
    assert done.returncode == 0, f"{' '.join(map(str, words))} exited with {done.returncode}\n{done.stdout[-6000:]}"
    return done.stdout


def configure(source: Path, build: Path, *options: str) -> str:
    return run(
        tool("cmake"), "-S", source, "-B", build, "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}", *options
    )


def build(folder: Path, *words: str) -> str:
    return run(tool("cmake"), "--build", folder, *words)


CORE_OPTIONS = ("-DGEMMCONV_BLAS=none", "-DGEMMCONV_TESTS=ON")  # of the build that most tests look at


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Only one process at a time."""
    import fcntl

    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def core_built_once(factory: pytest.TempPathFactory, *options: str) -> Path:
    """The core as a plain CMake project, built by the first of a run's workers that asks for these options."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / f"core-{hashlib.sha256(' '.join(options).encode()).hexdigest()[:12]}"
    with locked(folder.with_suffix(".lock")):
        if not (folder / "complete").exists():
            log = configure(ROOT, folder, *options)
            build(folder)
            (folder / "complete").write_text(log)
    return folder
