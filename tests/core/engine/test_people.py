"""One person who cannot be asked about keeps no other from being found."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest

from provisioner.core.api.errors import (
    CircuitOpenError,
    ForbiddenError,
    InMaintenanceError,
    MisconfiguredError,
    TargetError,
    TransientError,
    UnavailableError,
)
from provisioner.core.api.messages import FindPerson
from provisioner.core.engine.people import People
from provisioner.core.gateways.retrying import Retry, RetryPolicy
from provisioner.core.model import Person

IDS = [str(number) for number in range(10)]
KNOWN = {one: Person(id=one, name=f"Kişi {one}") for one in IDS}


def people(errors: Mapping[str, TargetError], stored: Mapping[str, Person] | None = None) -> People:
    """Return a personnel system that knows everybody, and answers like this about some."""

    def find(request: FindPerson) -> Person | None:
        if request.person_id in errors:
            raise errors[request.person_id]
        return KNOWN.get(request.person_id)

    quick = RetryPolicy(attempts=2, first_wait=timedelta(milliseconds=1), longest_wait=timedelta(milliseconds=1))
    imported = stored or {}
    return People(
        find, lambda ids: {one: imported[one] for one in ids if one in imported}, Retry(quick, threading.Event())
    )


@pytest.mark.parametrize("make", [ForbiddenError, TransientError, UnavailableError, MisconfiguredError])
def test_one_who_cannot_be_asked_about_keeps_no_other_from_being_found(make: Callable[[str], TargetError]) -> None:
    error = make("HTTP 403")
    found = people({"3": error}).look_up(IDS)
    found.raise_for_all()

    assert found.persons == {one: KNOWN[one] for one in IDS if one != "3"}
    assert found.errors == {"3": error}


def test_nobody_is_asked_where_there_is_no_personnel_system() -> None:
    asked = people({"3": TransientError("HTTP 500")}, stored={"3": KNOWN["3"]})
    asked.has_system = lambda: False

    assert asked.look_up(["3", "4"]).persons == {"3": KNOWN["3"]}


def test_the_store_does_not_answer_for_one_who_cannot_be_asked_about() -> None:
    """A mobile number of last year is not current (001 ¶5)."""
    found = people({"3": TransientError("HTTP 500")}, stored={"3": KNOWN["3"], "x": Person(id="x", name="X")})

    assert found.look_up(["3", "x"]).persons == {"x": Person(id="x", name="X")}


@pytest.mark.parametrize("error", [UnavailableError("down"), CircuitOpenError("down"), MisconfiguredError("wrong key")])
def test_a_system_that_answers_about_nobody_is_no_matter_of_persons(error: TargetError) -> None:
    found = people(dict.fromkeys(IDS, error)).look_up(IDS)

    with pytest.raises(type(error)):
        found.raise_for_all()


@pytest.mark.parametrize("error", [ForbiddenError("HTTP 403"), TransientError("HTTP 500"), InMaintenanceError("later")])
def test_persons_who_all_are_refused_are_named_one_by_one(error: TargetError) -> None:
    found = people(dict.fromkeys(IDS, error)).look_up(IDS)
    found.raise_for_all()

    assert set(found.errors) == set(IDS)


def test_whoever_needs_all_of_them_hears_of_the_first_error() -> None:
    with pytest.raises(ForbiddenError):
        people({"3": ForbiddenError("HTTP 403")}).find_all(IDS)
