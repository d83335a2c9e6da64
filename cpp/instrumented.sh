#!/usr/bin/env bash
# Builds the core instrumented and runs the programs of cpp/tests and the Python suite on it:
#   cpp/instrumented.sh address     AddressSanitizer and UndefinedBehaviorSanitizer
#   cpp/instrumented.sh thread      ThreadSanitizer over the std::thread executor, with our own GEMM (neither libgomp nor
#                                   OpenBLAS tells it about its locks)
#   cpp/instrumented.sh coverage    gcov: prints the lines covered in Python and in C++
# With --build-only it stops after the build, with --tests-only it takes what such a call has built. Further words go to
# pytest instead of the whole suite. Needs the `dev` extra in the Python that is active.
set -euo pipefail
mode=${1:?address, thread or coverage}
shift
part=both
case ${1:-} in
  --build-only) part=build; shift ;;
  --tests-only) part=tests; shift ;;
esac
cd "$(dirname "$0")/.."
build=$PWD/build/$mode
programs="kernels_test;threads_test"
preload=()
case $mode in
  address)
    flags=(--config-settings=cmake.define.GEMMCONV_SANITIZE=address,undefined --config-settings=cmake.build-type=RelWithDebInfo "--config-settings=cmake.define.CMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -g1")
    preload=(libasan.so libubsan.so)
    export ASAN_OPTIONS=detect_leaks=0:strict_string_checks=1:log_path=$build/report
    export UBSAN_OPTIONS=print_stacktrace=1:log_path=$build/report
    ;;
  thread)
    programs=threads_test  # a kernel runs on one thread
    flags=(--config-settings=cmake.define.GEMMCONV_SANITIZE=thread --config-settings=cmake.define.GEMMCONV_BLAS=none --config-settings=cmake.build-type=RelWithDebInfo "--config-settings=cmake.define.CMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -g1")
    preload=(libtsan.so)
    export TSAN_OPTIONS="halt_on_error=1 suppressions=$PWD/cpp/tests/thread_sanitizer_suppressions.txt log_path=$build/report"
    ;;
  coverage)
    flags=(--config-settings=cmake.define.GEMMCONV_COVERAGE=ON --config-settings=cmake.build-type=Debug "--config-settings=cmake.define.CMAKE_CXX_FLAGS_DEBUG=-O1 -g1")
    ;;
  *)
    echo "cpp/instrumented.sh: '$mode' is none of address, thread, coverage" >&2
    exit 2
    ;;
esac

# An environment of its own, on top of the active one: its gemmconv comes first, everything else is found below.
python=$build/venv/bin/python
if [ "$part" != tests ]; then
  python3 -m venv --clear --without-pip "$build/venv"
  below=$(python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  echo "$below" > "$site/below.pth"
  ln -s "$(python3 -c 'import importlib.util as u; print(u.find_spec("scipy_openblas32").submodule_search_locations[0])')" "$site/scipy_openblas32"
  PATH=$(dirname "$(python3 -c 'import sys; print(sys.executable)')"):$PATH "$python" -m pip install -q --no-deps --no-build-isolation \
    --no-warn-script-location --ignore-installed --config-settings=build-dir="$build/cmake" "${flags[@]}" \
    --config-settings=cmake.define.GEMMCONV_TESTS=ON --config-settings=cmake.define.GEMMCONV_TEST_PROGRAMS="$programs" .
fi
if [ "$part" = build ]; then exit; fi
site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

# The sanitizer's shadow memory wants the address space that address randomisation may take.
plain=()
if setarch -R true 2>/dev/null; then plain=(setarch -R); fi
find "$build/cmake" -name '*.gcda' -delete
# -P: the installed package, not the folder we are in.
sets=$(python3 -P -c 'import gemmconv; print(*gemmconv.show_config(mode="dicts")["isa_available"])')
if [ "$mode" != thread ]; then
  for isa in $sets; do GEMMCONV_ISA=$isa "${plain[@]}" "$build/cmake/kernels_test"; done
fi
"${plain[@]}" "$build/cmake/threads_test"

libraries=
# The sanitizer looks for __cxa_throw when the process starts, so libstdc++ has to be there.
for name in "${preload[@]}"; do libraries+=$(g++ -print-file-name="$name"):; done
if [ ${#preload[@]} -gt 0 ]; then libraries+=$(g++ -print-file-name=libstdc++.so.6); fi
tests=("$@")
options=(-p no:cacheprovider -q -n auto)
if [ ${#tests[@]} -eq 0 ]; then
  # These build or start other programs, which say nothing about the instrumented core.
  tests=(--ignore=tests/test_linking.py --ignore=tests/test_codebase.py --ignore=tests/test_installation.py
    --ignore=tests/test_guard_pages.py tests)
fi
if [ "$mode" = coverage ]; then
  export COVERAGE_FILE=$build/python.coverage
  options+=(--cov="$site/gemmconv" --cov-report=)
fi
rm -f "$build"/report.*
# pytest catches what a sanitizer prints, so its report goes to a file.
if ! LD_PRELOAD=$libraries "${plain[@]}" "$python" -m pytest "${options[@]}" "${tests[@]}"; then
  cat "$build"/report.* 2>/dev/null || true
  exit 1
fi
if [ "$mode" = coverage ]; then
  echo "Python coverage, lines and branches: $(python3 -m coverage report --format=total) %"
  echo "C++ coverage (by file in $build/lines.txt):"
  python3 -m gcovr --root . --object-directory "$build/cmake" --filter cpp/src/ --filter cpp/python/ --filter cpp/include/ \
    --merge-lines --exclude-throw-branches --gcov-ignore-parse-errors=all --print-summary -o "$build/lines.txt"
fi
