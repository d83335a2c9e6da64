"""Settings: the values that they accept, how long they last, and for which threads and tasks."""

import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import gemmconv

DEFAULTS = {"threads": None, "math": "fast", "deterministic": False, "workspace_limit": 64 << 20}
CHANGES = [("threads", 3), ("math", "strict"), ("deterministic", True), ("workspace_limit", 1 << 20)]


@pytest.fixture(autouse=True)
def defaults() -> Any:
    before = gemmconv.get_options()
    gemmconv.set_options(**DEFAULTS)
    yield
    gemmconv.set_options(**before)


def fresh(function: Any, *arguments: Any) -> Any:
    """The answer of a function called in a new, empty context."""
    return contextvars.Context().run(function, *arguments)


def test_defaults() -> None:
    assert fresh(gemmconv.get_options) == DEFAULTS


@pytest.mark.parametrize(("name", "value"), CHANGES)
def test_a_block_changes_one_setting_and_gives_it_back(name: str, value: Any) -> None:
    with gemmconv.options(**{name: value}):
        assert gemmconv.get_options() == {**DEFAULTS, name: value}
    assert gemmconv.get_options() == DEFAULTS


@pytest.mark.parametrize(("name", "value"), CHANGES)
def test_set_options_changes_one_setting_for_good(name: str, value: Any) -> None:
    gemmconv.set_options(**{name: value})
    assert gemmconv.get_options() == {**DEFAULTS, name: value}


def test_inner_blocks_keep_what_they_do_not_name() -> None:
    with gemmconv.options(threads=2):
        with gemmconv.options(math="strict"):
            assert gemmconv.get_options() == {**DEFAULTS, "threads": 2, "math": "strict"}
            with gemmconv.options(threads=None):
                assert gemmconv.get_options() == {**DEFAULTS, "math": "strict"}
        assert gemmconv.get_options() == {**DEFAULTS, "threads": 2}


def test_a_block_undoes_what_was_set_inside_it() -> None:
    with gemmconv.options(threads=2):
        gemmconv.set_options(threads=1, deterministic=True)
    assert gemmconv.get_options() == DEFAULTS


def test_an_exception_ends_a_block_too() -> None:
    with pytest.raises(KeyError), gemmconv.options(threads=2):
        raise KeyError
    assert gemmconv.get_options() == DEFAULTS


def test_one_object_serves_many_blocks_and_nests_in_itself() -> None:
    single = gemmconv.options(threads=1)
    with single, single:
        assert gemmconv.get_options()["threads"] == 1
    with single:
        assert gemmconv.get_options()["threads"] == 1
    assert gemmconv.get_options() == DEFAULTS


def test_a_block_keeps_what_is_set_between_its_writing_and_its_beginning() -> None:
    single = gemmconv.options(threads=1)
    gemmconv.set_options(math="strict")
    with single:
        assert gemmconv.get_options() == {**DEFAULTS, "threads": 1, "math": "strict"}


def test_the_answer_is_a_copy() -> None:
    gemmconv.get_options()["threads"] = 7
    assert gemmconv.get_options() == DEFAULTS


def test_contexts_do_not_see_each_other() -> None:
    copy = contextvars.copy_context()
    copy.run(lambda: gemmconv.set_options(threads=2))
    assert gemmconv.get_options() == DEFAULTS
    assert copy.run(gemmconv.get_options)["threads"] == 2


def test_threads_do_not_see_each_other() -> None:
    count = 8
    together = threading.Barrier(count, timeout=30)

    def work(number: int) -> bool:
        with gemmconv.options(threads=number):
            together.wait()
            seen = gemmconv.get_options()["threads"]
            together.wait()
        return seen == number and gemmconv.get_options()["threads"] is None

    with ThreadPoolExecutor(count) as pool:
        answers = [pool.submit(contextvars.Context().run, work, number) for number in range(1, count + 1)]
        assert all(answer.result() for answer in answers)


def test_threads_may_share_one_object() -> None:
    single = gemmconv.options(threads=1)
    inside, done = threading.Event(), threading.Event()

    def work() -> object:
        with gemmconv.options(math="strict"), single:
            inside.set()
            done.wait(30)
        return gemmconv.get_options()

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(fresh, work)
        inside.wait(30)
        with single:
            done.set()
            assert answer.result() == DEFAULTS
            assert gemmconv.get_options() == {**DEFAULTS, "threads": 1}
    assert gemmconv.get_options() == DEFAULTS


WRONG = [
    ({"threads": 0}, ValueError, "threads is 0"),
    ({"threads": -2}, ValueError, "threads is -2"),
    ({"threads": 1025}, ValueError, "threads is 1025; it must be at most 1024"),
    ({"threads": 1 << 40}, ValueError, "threads"),
    ({"threads": 1.5}, TypeError, "threads"),
    ({"threads": "2"}, TypeError, "threads"),
    ({"threads": True}, TypeError, "threads"),
    ({"math": "exact"}, ValueError, "fast.*strict"),
    ({"math": None}, TypeError, "fast.*strict"),
    ({"deterministic": 1}, TypeError, "deterministic"),
    ({"deterministic": None}, TypeError, "deterministic"),
    ({"workspace_limit": -1}, ValueError, "workspace_limit is -1"),
    ({"workspace_limit": 1e6}, TypeError, "workspace_limit"),
    ({"workspace_limit": None}, TypeError, "workspace_limit"),
    ({"thread": 2}, TypeError, "thread"),
]


@pytest.mark.parametrize(("wrong", "error", "message"), WRONG, ids=lambda value: str(value))
def test_wrong_values_change_nothing(wrong: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        gemmconv.set_options(**{"math": "strict", **wrong})
    with pytest.raises(error, match=message):
        gemmconv.options(**wrong)
    assert gemmconv.get_options() == DEFAULTS
