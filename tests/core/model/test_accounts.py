"""Accounts know their address and since when their password holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from provisioner.core.model import Account, AccountState, Action, Person, TargetState

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ACCOUNT = Account(login="arge46", domain="meb.gov.tr", unit="46")
PERSON = Person(id="p1", name="Ayşe Iğdır", other_mobile="+905339998877")


@pytest.mark.parametrize(
    ("words", "stored"),
    [
        (AccountState, "planned open closed incomplete"),
        (TargetState, "absent open closed incomplete unproved"),
        (Action, "warn rotate close duty delete verify"),
    ],
)
def test_words_in_stores_and_scripts_stay(words: type[AccountState], stored: str) -> None:
    assert [word.value for word in words] == stored.split()


def test_the_address_is_login_and_domain() -> None:
    assert ACCOUNT.mail == "arge46@meb.gov.tr"


def test_a_password_is_as_old_as_its_last_change() -> None:
    opened = attrs.evolve(ACCOUNT, opened_at=NOON)
    changed = attrs.evolve(opened, password_changed_at=NOON + timedelta(days=1))

    assert (ACCOUNT.password_set_at, opened.password_set_at) == (None, NOON)
    assert changed.password_set_at == NOON + timedelta(days=1)


@pytest.mark.parametrize("field", ["opened_at", "closed_at", "password_changed_at", "next_deadline", "closes_at"])
def test_a_time_without_a_zone_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        attrs.evolve(ACCOUNT, **{field: NOON.replace(tzinfo=None)})  # type: ignore[arg-type]


@pytest.mark.parametrize("known", [None, attrs.evolve(PERSON, other_mobile="+905321112233")])
def test_no_copy_is_made_of_a_person_whose_confirmation_stays(known: Person | None) -> None:
    """A list of the staff has a million persons, who would all be in memory twice."""
    assert PERSON.confirmed_as(known) is PERSON


def test_a_confirmation_is_for_one_number() -> None:
    confirmed = attrs.evolve(PERSON, other_mobile_confirmed_by="admin", other_mobile_confirmed_at=NOON)
    changed = attrs.evolve(confirmed, other_mobile="+905321112233")

    assert PERSON.confirmed_as(confirmed) == confirmed
    assert changed.confirmed_as(confirmed) == attrs.evolve(PERSON, other_mobile="+905321112233")
