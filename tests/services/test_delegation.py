"""Roles without a command line."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from provisioner.core.api.errors import DeniedError, InputError
from provisioner.core.governance.roles import Granted, Revoked, Role
from provisioner.services.application import Application
from provisioner.services.delegation import Grant, list_roles, roles_of
from tests.services.conftest import Observer

ADMINISTRATOR, OFFICER, DEPUTY, OTHER = "9000", "1001", "1002", "1003"


@pytest.fixture(name="officer")
def _officer(app: Application) -> Grant:
    return app.delegation.grant(OFFICER, Role.OFFICER, unit="il-mem", actor=ADMINISTRATOR)


@pytest.fixture(name="tomorrow")
def _tomorrow(app: Application) -> datetime:
    return app.now() + timedelta(days=1)


class TestGrant:
    """An administrator gives a role."""

    def test_is_recorded_for_every_observer(self, app: Application, observer: Observer) -> None:
        granted = app.delegation.grant(OFFICER, Role.OFFICER, unit="il-mem", actor=ADMINISTRATOR)

        assert granted.is_new
        assert [event.kind for event in observer.seen] == [Granted.kind]
        assert list(app.store.role_assignments.of(OFFICER)) == list(granted.assignments)

    def test_twice_gives_it_once(self, app: Application, officer: Grant) -> None:
        again = app.delegation.grant(OFFICER, Role.OFFICER, unit="il-mem", actor=ADMINISTRATOR)

        assert (again.assignments, again.is_new) == (officer.assignments, False)

    def test_is_denied_to_everybody_else(self, app: Application, officer: Grant) -> None:
        with pytest.raises(DeniedError):
            app.delegation.grant(OTHER, Role.OFFICER, unit="il-mem", actor=OFFICER)

    def test_in_an_unknown_unit_is_refused(self, app: Application) -> None:
        """It would apply nowhere, and later to another unit of that code."""
        with pytest.raises(InputError, match="nosuch"):
            app.delegation.grant(OFFICER, Role.OFFICER, unit="nosuch", actor=ADMINISTRATOR)

    def test_in_a_dry_run_gives_nothing(self, app: Application) -> None:
        assert app.delegation.grant(OFFICER, Role.OFFICER, actor=ADMINISTRATOR, dry_run=True).is_new
        assert not app.store.role_assignments.of(OFFICER)


class TestRevoke:
    """A role is taken away."""

    def test_takes_away_what_was_given(self, app: Application, officer: Grant, observer: Observer) -> None:
        held = app.delegation.revoke(OFFICER, Role.OFFICER, unit="il-mem", actor=ADMINISTRATOR)

        assert tuple(held) == officer.assignments
        assert [event.kind for event in observer.seen] == [Revoked.kind]
        assert not app.store.role_assignments.of(OFFICER)

    def test_of_another_unit_leaves_the_role(self, app: Application, officer: Grant) -> None:
        assert not app.delegation.revoke(OFFICER, Role.OFFICER, unit="ar-ge", actor=ADMINISTRATOR)
        assert list(app.store.role_assignments.of(OFFICER)) == list(officer.assignments)

    def test_is_denied_to_the_person(self, app: Application, officer: Grant) -> None:
        with pytest.raises(DeniedError):
            app.delegation.revoke(OFFICER, Role.OFFICER, unit="il-mem", actor=OFFICER)

    def test_of_a_delegation_is_for_the_delegator(self, app: Application, officer: Grant, tomorrow: datetime) -> None:
        app.delegation.delegate(
            Role.OFFICER, delegator=OFFICER, person=DEPUTY, unit="il-mem", ends_at=tomorrow, actor=OFFICER
        )

        held = app.delegation.revoke(DEPUTY, Role.OFFICER, unit="il-mem", delegator=OFFICER, actor=OFFICER)

        assert [assignment.delegator for assignment in held] == [OFFICER]
        assert not app.store.role_assignments.of(DEPUTY)


class TestDelegate:
    """A person acts for another one."""

    def test_gives_what_the_delegator_has(self, app: Application, officer: Grant, tomorrow: datetime) -> None:
        app.delegation.delegate(
            Role.OFFICER, delegator=OFFICER, person=DEPUTY, unit="ar-ge", ends_at=tomorrow, actor=OFFICER
        )

        role = app.authority.effective_role(DEPUTY, {Role.OFFICER}, "ar-ge")
        assert role
        assert role.delegator == OFFICER

    def test_of_a_role_that_one_does_not_have_is_denied(self, app: Application, tomorrow: datetime) -> None:
        with pytest.raises(DeniedError, match="does not have this role"):
            app.delegation.delegate(
                Role.OFFICER, delegator=OTHER, person=DEPUTY, unit="ar-ge", ends_at=tomorrow, actor=OTHER
            )

    def test_of_a_delegated_role_is_denied(self, app: Application, officer: Grant, tomorrow: datetime) -> None:
        app.delegation.delegate(
            Role.OFFICER, delegator=OFFICER, person=DEPUTY, unit="ar-ge", ends_at=tomorrow, actor=OFFICER
        )

        with pytest.raises(DeniedError, match="by delegation only"):
            app.delegation.delegate(
                Role.OFFICER, delegator=DEPUTY, person=OTHER, unit="ar-ge", ends_at=tomorrow, actor=DEPUTY
            )

    def test_of_somebody_elses_role_is_denied(self, app: Application, officer: Grant, tomorrow: datetime) -> None:
        with pytest.raises(DeniedError):
            app.delegation.delegate(
                Role.OFFICER, delegator=OFFICER, person=OTHER, unit="ar-ge", ends_at=tomorrow, actor=OTHER
            )

    def test_of_a_supervisor_needs_no_role(self, app: Application, tomorrow: datetime) -> None:
        granted = app.delegation.delegate(
            Role.SUPERVISOR, delegator=OFFICER, person=DEPUTY, ends_at=tomorrow, actor=OFFICER
        )

        assert granted.is_new

    def test_to_oneself_is_refused(self, app: Application, officer: Grant, tomorrow: datetime) -> None:
        with pytest.raises(InputError, match="nobody can act for themselves"):
            app.delegation.delegate(
                Role.OFFICER, delegator=OFFICER, person=OFFICER, unit="ar-ge", ends_at=tomorrow, actor=OFFICER
            )

    def test_that_ends_before_it_begins_is_refused(self, app: Application, officer: Grant) -> None:
        with pytest.raises(InputError, match="it ends before it starts"):
            app.delegation.delegate(
                Role.OFFICER, delegator=OFFICER, person=DEPUTY, unit="ar-ge", ends_at=app.now(), actor=OFFICER
            )

    def test_twice_from_now_on_delegates_once(self, app: Application, officer: Grant, tomorrow: datetime) -> None:
        first, second = (
            app.delegation.delegate(
                Role.OFFICER, delegator=OFFICER, person=DEPUTY, unit="ar-ge", ends_at=tomorrow, actor=OFFICER
            )
            for _ in range(2)
        )

        assert (second.assignments, second.is_new) == (first.assignments, False)

    def test_that_begins_later_is_another_delegation(
        self, app: Application, officer: Grant, tomorrow: datetime
    ) -> None:
        """The one that has begun may be revoked before the other one begins."""
        for starts_at in (None, tomorrow - timedelta(hours=2), tomorrow - timedelta(hours=1)):
            granted = app.delegation.delegate(
                Role.OFFICER,
                delegator=OFFICER,
                person=DEPUTY,
                unit="ar-ge",
                starts_at=starts_at,
                ends_at=tomorrow,
                actor=OFFICER,
            )
            assert granted.is_new


class TestRead:
    """Roles are listed."""

    def test_of_a_unit_are_those_that_apply_to_it(self, app: Application, officer: Grant) -> None:
        app.delegation.grant(OTHER, Role.AUDITOR, unit="ar-ge", actor=ADMINISTRATOR)

        assert [assignment.person for assignment in list_roles(app.store, unit="il-mem")] == [OFFICER]
        assert {assignment.person for assignment in list_roles(app.store, unit="ar-ge")} == {OFFICER, OTHER}

    def test_of_a_person_are_those_that_were_delegated_too(
        self, app: Application, officer: Grant, tomorrow: datetime
    ) -> None:
        app.delegation.delegate(
            Role.OFFICER, delegator=OFFICER, person=DEPUTY, unit="ar-ge", ends_at=tomorrow, actor=OFFICER
        )

        roles = roles_of(app.store, app.authority, OFFICER)

        assert [assignment.person for assignment in roles.held] == [OFFICER]
        assert [assignment.person for assignment in roles.delegated] == [DEPUTY]
        assert not roles.is_configured_administrator
        assert roles_of(app.store, app.authority, ADMINISTRATOR).is_configured_administrator
