"""Code of a plug-in cannot end the program, pass for code of ours, or put a secret into an error."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NoReturn

import pytest

from provisioner.core.api.errors import RefusedError
from provisioner.core.gateways.plugin_code import ForeignError, contained, entered, is_running

SECRET = "hunter2"


def raising(error: BaseException) -> Callable[[], NoReturn]:
    def run() -> NoReturn:
        raise error

    return run


@pytest.mark.parametrize("error", [KeyError(SECRET), SystemExit(SECRET), GeneratorExit(SECRET)])
def test_a_foreign_error_says_where_it_was_raised_and_nothing_else(error: BaseException) -> None:
    with pytest.raises(ForeignError) as caught:
        contained(raising(error))

    assert caught.value.name == type(error).__name__
    assert "test_plugin_code" in caught.value.place
    assert SECRET not in repr(caught.value)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_errors_of_ours_come_as_they_are() -> None:
    error = RefusedError("no")
    with pytest.raises(RefusedError) as caught:
        contained(raising(error))

    assert caught.value is error


def test_the_user_may_interrupt_a_plugin() -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        contained(raising(KeyboardInterrupt(SECRET)))

    assert SECRET not in repr(caught.value)


def test_an_interrupt_in_another_thread_is_the_plugins_own() -> None:
    caught: list[BaseException] = []

    def run() -> None:
        try:
            contained(raising(KeyboardInterrupt()))
        except BaseException as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()

    assert [type(error) for error in caught] == [ForeignError]


def test_an_error_that_passes_two_gateways_is_the_first_ones() -> None:
    error = ForeignError("KeyError", "plugin.py:3")

    assert ForeignError.of(error) is error


def test_a_thread_is_inside_of_a_plugin_until_its_last_call_ends() -> None:
    assert contained(is_running)
    with entered():
        contained(is_running)
        assert is_running()
    assert not is_running()


def test_a_failure_leaves_the_plugin() -> None:
    with pytest.raises(ForeignError):
        contained(raising(ValueError()))

    assert not is_running()
