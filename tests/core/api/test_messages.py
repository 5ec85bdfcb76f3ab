"""Messages never show a secret, cannot say what no plug-in may say, and stay readable for plug-ins of yesterday."""

from __future__ import annotations

import inspect
from typing import Any

import attrs
import pytest

from provisioner.core.api import messages
from provisioner.core.api.messages import (
    AttributeChange,
    CharacterClass,
    CreateAccount,
    DeliverSecret,
    Receipt,
    RotateSecret,
    TargetReport,
)
from provisioner.core.model import Account, Outcome, Person, Unit
from provisioner.core.model.secret import Secret

SECRET = "hunter2"
CLASSES = [
    kind
    for _, kind in inspect.getmembers(messages, inspect.isclass)
    if kind.__module__ == messages.__name__ and attrs.has(kind)
]
FACTS = {
    "operation_id": "o1",
    "account": Account(login="a", domain="meb.gov.tr", unit="46"),
    "unit": Unit(code="46", name="Kahramanmaraş", kind="province"),
    "secret": Secret(SECRET),
}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_no_plugin_changes_what_it_was_given(kind: type) -> None:
    message: Any = object.__new__(kind)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        message.field = None


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_a_field_cannot_be_given_in_the_place_of_another(kind: type) -> None:
    assert all(field.kw_only for field in attrs.fields(kind))


@pytest.mark.parametrize("kind", [CreateAccount, RotateSecret, DeliverSecret])
def test_a_secret_is_not_shown(kind: type) -> None:
    person = Person(id="p1", name="Ayşe Işık")
    more = {"holder": person, "recipient": person, "delivery_id": "d1"}
    names = {field.name for field in attrs.fields(kind)}
    request = kind(**{name: value for name, value in {**FACTS, **more}.items() if name in names})

    assert SECRET not in repr(request)
    assert SECRET not in str(attrs.asdict(request))


@pytest.mark.parametrize("outcome", [Outcome.NOT_APPLIED, Outcome.UNKNOWN])
def test_a_receipt_of_what_was_not_done_cannot_be_made(outcome: Outcome) -> None:
    """A plug-in raises then; an engine that took it for done would send a password that does not work."""
    with pytest.raises(ValueError, match="outcome"):
        Receipt(outcome=outcome)


@pytest.mark.parametrize("wrong", [{"characters": ""}, {"characters": "ab", "at_least": -1}])
def test_a_class_of_characters_can_be_drawn_from(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"characters|at_least"):
        CharacterClass(name="letters", **wrong)  # type: ignore[arg-type]


def test_a_target_that_says_nothing_of_itself_claims_nothing_unproved() -> None:
    report = TargetReport()

    assert not report.foresees
    assert not report.capabilities.ends_sessions
    assert report.capabilities.undoes == frozenset()


def test_a_change_of_an_attribute_names_what_goes_comes_and_stays() -> None:
    change = AttributeChange.between("mail", ["a", "b"], ["b", "c"])

    assert (change.removes, change.adds, change.keeps) == (("a",), ("c",), ("b",))
    assert not change.is_empty
    assert AttributeChange.between("mail", ["a", "b"], ["b", "a"]).is_empty
