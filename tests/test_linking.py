"""The library as C and C++ programs see it: in the Python package and in an installed prefix, outside any Python."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from building import CORE_OPTIONS, bare_environment, build, compiler, configure, core_built_once, run, tool
from installation import ROOT

import gemmconv
from gemmconv import _core

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads ELF files")
PLACES = ("package", "prefix")


@pytest.fixture(scope="session")
def core_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The core built as a plain CMake project, without Python and without BLAS."""
    folder = core_built_once(tmp_path_factory, *CORE_OPTIONS)
    assert "BLAS none" in (folder / "complete").read_text()
    return folder


@pytest.fixture(scope="session")
def prefix(core_build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An install prefix that has been moved since, so that anything absolute in it breaks."""
    folder = tmp_path_factory.mktemp("prefix")
    run(tool("cmake"), "--install", core_build, "--prefix", folder / "first")
    return (folder / "first").rename(folder / "moved")


def root_of(place: str, request: pytest.FixtureRequest) -> Path:
    if place == "package":
        return Path(gemmconv.get_include()).parent
    prefix: Path = request.getfixturevalue("prefix")
    return prefix


def library_in(root: Path) -> Path:
    (found,) = {path.resolve() for path in root.glob("lib*/libgemmconv.*") if path.suffix in (".so", ".dylib")}
    return found


def config_dir_in(root: Path) -> Path:
    (found,) = root.glob("lib*/cmake/gemmconv")
    return found


def run_paths(file: str | Path) -> list[str]:
    """Where an ELF file has its libraries looked for."""
    found = re.findall(r"\((?:RUNPATH|RPATH)\).*\[(.*)\]", run("readelf", "-d", file))
    return [path for entry in found for path in entry.split(":")]


def execute(program: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *words], env={}, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("language", ["c", "cpp"])
def test_examples_configure_alone_and_agree_with_their_loops(
    language: str, place: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """As docs/linking.md says it, on a copy of the example that has nothing of the repository around it."""
    prefix_path = gemmconv.get_cmake_dir() if place == "package" else root_of(place, request)
    source = shutil.copytree(ROOT / "cpp/examples" / language, tmp_path / "example")
    log = configure(source, tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix_path}")
    assert "CMake Warning" not in log
    build(tmp_path / "build")
    program = tmp_path / "build" / "convolve"
    good = execute(program)
    assert good.returncode == 0, good.stdout + good.stderr
    assert good.stdout.endswith("equal to plain loops\n")
    corrupted = execute(program, "--corrupt")
    assert corrupted.returncode == 1, corrupted.stdout + corrupted.stderr
    assert corrupted.stdout.endswith("DIFFERENT\n")


def test_get_cmake_dir_is_the_package_of_find_package(tmp_path: Path) -> None:
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.15...4.0)\nproject(asks LANGUAGES C)\n"
        f"find_package(gemmconv {gemmconv.__version__} CONFIG REQUIRED)\n"
        'message(STATUS "found ${gemmconv_VERSION} in ${gemmconv_DIR}")\n'
    )
    assert Path(gemmconv.get_cmake_dir()) == config_dir_in(Path(gemmconv.get_include()).parent)
    log = configure(tmp_path, tmp_path / "build", f"-Dgemmconv_DIR={gemmconv.get_cmake_dir()}")
    assert f"found {gemmconv.__version__} in {gemmconv.get_cmake_dir()}" in log


@pytest.mark.parametrize("place", PLACES)
def test_pkg_config_and_a_plain_compiler_call(place: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    pkg_config = shutil.which("pkg-config", path=bare_environment()["PATH"])
    if pkg_config is None:
        pytest.skip("no pkg-config on this machine")
    root = root_of(place, request)
    lib = library_in(root).parent
    flags = subprocess.run(
        [pkg_config, "--cflags", "--libs", "gemmconv"],
        env={"PKG_CONFIG_PATH": str(lib / "pkgconfig")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    program = tmp_path / "convolve"
    source = ROOT / "cpp/examples/c/convolve.c"
    run(compiler("c"), "-std=c99", source, "-o", program, *flags, "-lm", f"-Wl,-rpath,{lib}")
    assert execute(program).returncode == 0


@linux
@pytest.mark.parametrize("place", PLACES)
def test_exactly_the_declared_functions_are_exported(place: str, request: pytest.FixtureRequest) -> None:
    root = root_of(place, request)
    header = (root / "include/gemmconv/gemmconv.h").read_text()
    declared = set(re.findall(r"GEMMCONV_API [\w *]*?\b(gemmconv_\w+)\(", header))
    assert {"gemmconv_plan_create", "gemmconv_plan_run", "gemmconv_last_error", "gemmconv_max_pool"} <= declared
    listing = run("nm", "-D", "--defined-only", library_in(root))
    assert {line.split()[-1] for line in listing.splitlines()} == declared


@linux
def test_python_uses_the_same_library() -> None:
    """The module holds no second copy of the core: it needs the library, found beside it."""
    assert re.search(r"NEEDED.*\[libgemmconv\.so\]", run("readelf", "-d", _core.__file__))
    assert "$ORIGIN/lib" in run_paths(_core.__file__)
    defined = run("nm", "-D", "--defined-only", _core.__file__)
    assert "gemmconv_" not in defined
    loaded = set(re.findall(r"(/.*libgemmconv[^ \n]*)", Path("/proc/self/maps").read_text()))
    assert loaded == {str(library_in(Path(gemmconv.get_include()).parent))}


@linux
def test_the_package_finds_blas_by_a_relative_path() -> None:
    library = library_in(Path(gemmconv.get_include()).parent)
    paths = run_paths(library)
    assert all(path.startswith("$ORIGIN") for path in paths), paths
    if "libscipy_openblas" in run("readelf", "-d", library):
        assert "$ORIGIN/../../scipy_openblas32/lib" in paths


@linux
def test_the_prefix_depends_on_nobodys_environment(prefix: Path, core_build: Path) -> None:
    facts = run("readelf", "-d", library_in(prefix))
    assert run_paths(library_in(prefix)) == []
    assert "scipy_openblas" not in facts
    assert "SONAME" in facts
    texts = [p for p in prefix.rglob("*") if p.is_file() and p.suffix in (".cmake", ".pc", ".h", ".hpp")]
    assert len(texts) >= 6
    for path in texts:
        text = path.read_text()
        for word in (str(prefix.parent), str(core_build), str(ROOT), sys.prefix):
            assert word not in text, f"{path.relative_to(prefix)} names {word}"


def test_the_wheel_of_blas_is_refused_for_a_prefix(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="must not depend on"):
        configure(ROOT, tmp_path, "-DGEMMCONV_BLAS=openblas32")


def isa_available() -> list[str]:
    facts = gemmconv.show_config(mode="dicts")
    assert facts is not None
    names: list[str] = facts["isa_available"]
    return names


@pytest.mark.parametrize("isa", isa_available())
def test_hidden_parts(isa: str, core_build: Path) -> None:
    """The kernels and the blocked GEMM of one instruction set, against loops, at the edge of readable memory."""
    done = subprocess.run(
        [core_build / "kernels_test"], env={"GEMMCONV_ISA": isa}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout
    assert f"kernels: {isa}" in done.stdout, "GEMMCONV_ISA had no effect"


def test_every_kernel_is_timed(core_build: Path) -> None:
    """bench/kernels.py reads these lines; no rate is asserted."""
    done = execute(core_build / "kernels_bench", "1e-5")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["isa"] for line in lines} == set(isa_available())
    some = {"tile", "unpacked", "outer", "dot", "correlate", "window 3x3", "product", "gather, step 2", "weights"}
    assert some <= {line["kernel"] for line in lines}
    assert all(line["rate"] > 0 < line["yardstick"] for line in lines)


def test_many_threads_of_a_c_program(core_build: Path) -> None:
    done = execute(core_build / "threads_test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 wrong answers" in done.stdout
