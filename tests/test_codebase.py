"""The tree keeps its own rules: who includes whom, what is named where, what an instruction set's object file holds."""

import importlib.metadata
import json
import re
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from building import CORE_OPTIONS, compiler, configure, core_built_once
from installation import ROOT

import gemmconv

SOURCE = ROOT / "cpp" / "src"
FOLDERS = ("gemmconv", "cpp", "tests", "bench", "examples")
CODE = {".py", ".pyi", ".c", ".h", ".hpp", ".cpp", ".cu"}

# Who may include whom: a file includes only from its own module and from lower levels.
LEVELS: tuple[tuple[str, ...], ...] = (
    (
        "geometry",
        "index",
        "index_grid",
        "types",
        "scratch",
        "problem",
        "epilogue",
        "workspace",
        "threads",
        "check",
        "environment",
        "grain",
        "exponential_body",
    ),
    ("kernels/",),
    ("patches/", "gemm/"),
    ("pooling/", "activations"),
    ("strategies/",),
    ("plan", "explain", "choose", "plan_cache", "plan_key", "tuning_store"),
    ("c_api/",),
)


@cache
def code_files() -> list[Path]:
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*") if file.suffix in CODE]
    assert len(files) > 50
    return sorted(files)


def place(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def level_of(file: Path) -> tuple[int, str]:
    """The level of a file under cpp/src, and its module there: the folder, or for loose files the level itself."""
    inside = file.relative_to(SOURCE)
    name = f"{inside.parts[0]}/" if len(inside.parts) > 1 else file.stem
    for level, modules in enumerate(LEVELS):
        if name in modules:
            return level, name if name.endswith("/") else ""
    raise AssertionError(f"{place(file)} has no level: give it one in LEVELS")


def test_includes_point_downwards() -> None:
    wrong = []
    for file in SOURCE.rglob("*.[ch]pp"):
        level, module = level_of(file)
        for name in re.findall(r'#include "([^"]+)"', file.read_text()):
            target = next((p for p in (file.parent / name, SOURCE / name) if p.exists()), None)
            if target is None:
                assert name.startswith("gemmconv/gemmconv.h"), f"{place(file)} includes {name}, which is nowhere"
                continue
            target_level, target_module = level_of(target.resolve())
            if target_level > level or (target_level == level and module and target_module and module != target_module):
                wrong.append(f"{place(file)} includes {name}")
    assert not wrong


def mentioning(pattern: str, suffixes: set[str]) -> set[str]:
    found = {place(f) for f in code_files() if f.suffix in suffixes and re.search(pattern, f.read_text(), re.MULTILINE)}
    return found - {place(Path(__file__))}


def test_pybind11_stays_in_the_bindings() -> None:
    found = mentioning(r"pybind11", {".c", ".h", ".hpp", ".cpp", ".cu"})
    assert found
    assert all(name.startswith("cpp/python/") for name in found), found


def test_openmp_stays_in_threads() -> None:
    assert mentioning(r"#\s*pragma omp|\bomp_\w+\(", {".c", ".h", ".hpp", ".cpp"}) <= {
        "cpp/src/threads.hpp",
        "cpp/src/threads.cpp",
    }
    assert mentioning(r"#\s*pragma omp", {".c", ".h", ".hpp", ".cpp"}) == {"cpp/src/threads.hpp"}


def test_blas_is_called_in_one_file() -> None:
    assert mentioning(r"\bcblas_\w+|\bopenblas_\w+\(", {".c", ".h", ".hpp", ".cpp"}) == {"cpp/src/gemm/blas.cpp"}


def test_cupy_stays_in_its_backend() -> None:
    found = mentioning(r"^\s*(import|from) cupy", {".py"})
    assert all(name.startswith(("gemmconv/backends/cupy/", "tests/", "bench/")) for name in found), found


def test_other_libraries_stay_in_bench_and_interop() -> None:
    found = mentioning(r"^\s*(import|from) (torch|onnx|onnxruntime)\b", {".py"})
    assert "bench/peers/libraries.py" in found
    assert all(name.startswith(("gemmconv/interop/", "tests/", "bench/")) for name in found), found


def test_the_oracle_knows_nothing_of_the_package() -> None:
    assert not re.search(r"^\s*(import|from) gemmconv", (ROOT / "tests" / "oracle.py").read_text(), re.MULTILINE)


def test_file_names_say_something() -> None:
    empty_words = {"utils", "util", "helpers", "helper", "common", "base", "impl", "old", "misc"}
    wrong = [place(f) for f in code_files() if empty_words & set(re.split(r"[_.\-]", f.name.lower()))]
    assert not wrong


def test_files_open_with_what_they_are() -> None:
    files = [file for file in code_files() if file.suffix in {".hpp", ".cpp"}]
    assert not [place(file) for file in files if not file.read_text().startswith("//")]


def test_files_are_short() -> None:
    lengths = {place(f): len(f.read_text().splitlines()) for f in code_files()}
    assert not {name: lines for name, lines in lengths.items() if lines > 450}, "look for the seam"


def test_every_source_is_built() -> None:
    listed = set(re.findall(r"cpp/src/[\w/]+\.cpp", (ROOT / "cpp/cmake/sources.cmake").read_text()))
    listed |= {
        f"cpp/src/kernels/isa/{name}.cpp"
        for name in re.findall(r"add_kernels\((\w+) ?[-)]", (ROOT / "cpp/cmake/sources.cmake").read_text())
    }
    assert listed == {place(f) for f in SOURCE.rglob("*.cpp")}
    bound = set(re.findall(r"cpp/python/\w+\.cpp", (ROOT / "cpp/cmake/python.cmake").read_text()))
    assert bound == {place(f) for f in (ROOT / "cpp" / "python").glob("*.cpp")}


def test_the_version_stands_in_one_place() -> None:
    header = (ROOT / "cpp/include/gemmconv/gemmconv.h").read_text()
    version = ".".join(re.findall(r"#define GEMMCONV_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", header))
    assert gemmconv.__version__ == version
    assert importlib.metadata.version("gemmconv") == version
    settings = gemmconv.show_config(mode="dicts")
    assert settings is not None
    assert settings["version"] == version
    for name in ("pyproject.toml", "CMakeLists.txt"):
        assert f'"{version}"' not in (ROOT / name).read_text()
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()


def test_every_strategy_is_documented() -> None:
    from gemmconv import _core

    text = (ROOT / "docs" / "strategies.md").read_text()
    names = _core.strategy_names()
    assert "direct" in names
    assert "im2col" in names
    for name in names:
        assert f"`{name}`" in text, f"docs/strategies.md does not mention {name}"


@pytest.mark.parametrize("build_type", ["Release", "Debug"])
def test_an_instruction_set_leaks_nothing(
    build_type: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One defined global, the table, and no weak symbol: the linker could take a weak one for other machines' code.

    The objects of the Release build that other tests use, and those of a Debug build, in which nothing is inlined.
    """
    if shutil.which("nm") is None:
        pytest.skip("no nm to list symbols with")
    if build_type == "Release":
        folder = core_built_once(tmp_path_factory, *CORE_OPTIONS)
    else:
        folder = tmp_path
        configure(ROOT, folder, "-DGEMMCONV_BLAS=none", f"-DCMAKE_BUILD_TYPE={build_type}")
    commands = json.loads((folder / "compile_commands.json").read_text())
    tables = {c["file"]: c["command"] for c in commands if "/kernels/isa/" in c["file"]}
    assert tables
    assert all(("-O3" in command) == (build_type == "Release") for command in tables.values())
    for file, command in tables.items():
        words = shlex.split(command)
        place = folder / words[words.index("-o") + 1]
        if build_type == "Debug":
            place.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(words, cwd=folder, check=True, timeout=300)
        listing = subprocess.run(["nm", place], capture_output=True, text=True, check=True).stdout
        kinds = [line.split()[-2:] for line in listing.splitlines()]
        shared = [name for kind, name in kinds if kind.isupper() and kind != "U"]
        assert len(shared) == 1, f"{file} exports {shared}"
        assert f"{Path(file).stem}_kernels" in shared[0]
        assert not [name for kind, name in kinds if kind in "wWvVu"], file
        assert not [name for kind, name in kinds if kind == "U" and name.startswith("_Z")], f"{file} calls shared code"


def test_index_arithmetic_compiles_as_cuda(tmp_path: Path) -> None:
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("no nvcc on this machine")
    source = tmp_path / "index.cu"
    source.write_text("""
#include "index.hpp"
__global__ void kernel(gemmconv::Axis axis, int64_t *out) {
  const gemmconv::Range outputs = gemmconv::outputs_inside(axis, gemmconv::tap_offset(axis, 1, true));
  const gemmconv::Range taps = gemmconv::taps_inside(axis, -axis.padding_low);
  out[0] = outputs.end - outputs.begin + taps.end - taps.begin + gemmconv::ceil_div(axis.input, axis.stride);
}
""")
    done = subprocess.run(
        [nvcc, "-std=c++17", "-c", source, "-I", SOURCE, "-o", tmp_path / "index.o"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("header", sorted(p.name for p in (ROOT / "cpp/include/gemmconv").iterdir()))
@pytest.mark.parametrize("language", ["c", "c++"])
def test_each_header_stands_alone(header: str, language: str, tmp_path: Path) -> None:
    if language == "c" and header.endswith(".hpp"):
        header = "gemmconv.h"
    source = tmp_path / f"alone.{'c' if language == 'c' else 'cpp'}"
    source.write_text(f"#include <gemmconv/{header}>\nint main(void) {{ return gemmconv_version() == 0; }}\n")
    standard = "-std=c99" if language == "c" else "-std=c++17"
    flags = [standard, "-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only", "-I", gemmconv.get_include()]
    done = subprocess.run([compiler(language), *flags, source], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
