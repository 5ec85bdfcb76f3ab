from __future__ import annotations

import inspect
import re

import pytest

from provisioner.core.api import errors
from provisioner.core.api.errors import (
    LONGEST_REST,
    DefectError,
    InputError,
    Problem,
    ProvisionerError,
    ThrottledError,
    TransientError,
    UnavailableError,
    step_error,
)
from provisioner.core.model.text import Text
from tests.translations import Spoken

CLASSES = [
    var
    for var in vars(errors).values()
    if inspect.isclass(var) and issubclass(var, ProvisionerError) and var.__module__ == errors.__name__
]


@pytest.mark.parametrize("cls", CLASSES)
def test_every_class_is_drawn_in_the_tree_and_says_when_it_is_raised(cls: type[ProvisionerError]) -> None:
    assert re.search(rf"\b{cls.__name__}\b", errors.__doc__ or "")
    assert cls.__doc__


def test_the_tree_draws_nothing_that_is_not_there() -> None:
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")

    assert {cls.__name__ for cls in CLASSES} == {"ProvisionerError", *drawn}


def test_the_class_decides_what_is_tried_again() -> None:
    retried = {cls.__name__ for cls in CLASSES if getattr(cls, "retryable", False)}

    assert retried == {"TransientError", "UnavailableError", "ThrottledError", "NotAppliedError"}


def test_message_and_cure_are_filled_with_the_values() -> None:
    error = UnavailableError("{host} is down", cure="start {host}", host="a{b}")

    assert (str(error), str(error.cure)) == ("a{b} is down", "start a{b}")


def test_message_and_cure_can_be_said_in_another_language() -> None:
    error = TransientError("{host} is down", host="posta")

    assert error.text.said(Spoken({"{host} is down": "{host} kapalı"})) == "posta kapalı"


def test_an_input_error_lists_every_problem_with_its_place() -> None:
    error = InputError(
        [
            Problem(file="units.csv", line=3, field="parent", message=Text("unknown unit {code}", {"code": "X"})),
            Problem(subject="46001", field="login", message=Text("empty")),
        ]
    )

    assert str(error).splitlines()[1:] == ["units.csv:3:parent: unknown unit X", "46001:login: empty"]


def test_an_error_is_stored_with_all_that_it_lists() -> None:
    error = InputError([Problem(field="login", message=Text("{login} is taken", {"login": "a"}))])

    stored = step_error(error).message

    assert str(stored) == str(error) == "1 problem in the input:\nlogin: a is taken"
    assert stored.said(Spoken({"{heading}:\n{lines}": "{heading}:\n"})) == "1 problem in the input:\n"


DAY = LONGEST_REST.total_seconds()


@pytest.mark.parametrize(
    ("asked", "kept"),
    [(None, None), (30, 30), (-5, 0), (1e300, DAY), (float("inf"), DAY), (10**400, DAY), (float("nan"), None)],
)
def test_no_target_can_ask_for_a_rest_that_has_no_end(asked: float | None, kept: float | None) -> None:
    """A time that cannot be added to the clock would end whatever waits for it."""
    assert ThrottledError("later", retry_after=asked).retry_after == kept


def test_a_defect_says_where_it_is_and_not_what_it_quotes() -> None:
    def fail() -> None:
        raise KeyError("hunter2")

    try:
        fail()
    except KeyError as error:
        defect = DefectError.of(error)

    assert "KeyError" in str(defect)
    assert f"{__file__}:" in str(defect)
    assert "hunter2" not in f"{defect!r} {defect}"
