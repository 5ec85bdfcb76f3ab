"""The contract as ``test_kit`` runs it, with a target that is handed in."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pytest

from provisioner.core.model.secret import Secret
from provisioner.testing.contract import TargetContract
from provisioner.testing.contract.entitling import KnownEntitlements
from provisioner.testing.contract.inventory import Crowd
from provisioner.testing.contract.sandbox import SandboxPeople, UnitMove
from provisioner.testing.faults import Fault, Faults, FaultSessionTarget
from tests.contract.moves import unit_move
from tests.testing.contract.reference import Entry, Reference

HOOKS = (
    "account_create",
    "account_close",
    "account_rotate",
    "account_handover",
    "account_delete",
    "account_probe",
    "sessions_end",
    "sessions_probe",
    "target_check",
)


class TestSubject(TargetContract):
    """All checks but those that need a network."""

    @pytest.fixture
    def target(self, subject: Reference) -> Reference:
        return subject

    @pytest.fixture
    def cannot(self, subject: Reference) -> Collection[str]:
        return subject.cannot

    @pytest.fixture
    def target_with_wrong_credentials(self, subject: Reference) -> FaultSessionTarget:
        return failing(subject, subject.wrong_credentials)

    @pytest.fixture
    def unreachable_target(self, subject: Reference) -> FaultSessionTarget:
        return failing(subject, subject.unreachable)

    @pytest.fixture
    def throttled_target(self, subject: Reference) -> FaultSessionTarget:
        return failing(subject, subject.throttled)

    @pytest.fixture
    def crowd(self, subject: Reference, people: SandboxPeople) -> Crowd:
        system = type(subject)()
        logins = {f"kalabalik{number}" for number in range(7)}
        entry = Entry(unit=people.unit.name, holder=people.holder, password="")
        system.entries.update(dict.fromkeys(sorted(logins), entry))
        return Crowd(target=system, logins=logins, delete=system.entries.pop)

    @pytest.fixture
    def limited_target(self, crowd: Crowd) -> object:
        assert isinstance(crowd.target, Reference)
        return crowd.target.limited()

    @pytest.fixture
    def refused_secret(self) -> Secret:
        return Secret("aB1-x")

    @pytest.fixture
    def patience(self, subject: Reference) -> float:
        return subject.patience

    @pytest.fixture
    def open_session(self, subject: Reference) -> Callable[[str, str], Callable[[], bool]]:
        return subject.open_session

    @pytest.fixture
    def grant(self, subject: Reference) -> Callable[[str], Callable[[], bool]]:
        return subject.grant

    @pytest.fixture
    def known_entitlements(self, subject: Reference) -> KnownEntitlements:
        return KnownEntitlements(first="wiki", second="vpn", held_by=lambda login: subject.entries[login].entitlements)

    @pytest.fixture
    def unit_move(self) -> UnitMove:
        return unit_move()

    @pytest.fixture
    def log_in(self, subject: Reference) -> Callable[[str, str], bool]:
        return subject.logs_in


def failing(target: Reference, fault: Fault) -> FaultSessionTarget:
    """Return the same target, behind something that fails each call."""
    faults = Faults()
    for hook in HOOKS:
        faults.on(hook, fault)
    return FaultSessionTarget(target, faults)
