"""Who is logged in is shown, and a closed account with an open session is not called clean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import (
    AccountReport,
    EndSessions,
    ProbeAccount,
    ProbeSessions,
    Receipt,
    SessionsReport,
)
from provisioner.core.model import Outcome, Person, Unit
from provisioner.core.reconcile.verification import VerifiedAccount
from provisioner.testing.faults import Fault, FaultSessions
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from provisioner.testing.memory_mail import MemoryMail, MemorySession

AYSE = Person(id="1", name="Ayşe", mobile="+905321234567")
UNIT = Unit(code="u1", name="Birim", kind="office", login="birim1", custodian="1")


class AliasedTarget(MemoryTarget):
    """A directory in which each account has an alias."""

    @hookimpl
    def account_probe(self, request: ProbeAccount) -> AccountReport:
        report = super().account_probe(request)
        return AccountReport(presence=report.presence, spellings=(request.account.login, "takma.ad"))


class WatchedMail(MemoryMail):
    """A mail server that remembers by which names it was asked to count."""

    spellings: tuple[str, ...] = ()

    @hookimpl
    def sessions_probe(self, request: ProbeSessions) -> SessionsReport:
        self.spellings = request.spellings
        return super().sessions_probe(request)

    def begin_session(self) -> None:
        self._sessions.append(MemorySession("birim1"))


class CacheOnly:
    """A system that ends sessions and can't count them."""

    @hookimpl
    def sessions_end(self, request: EndSessions) -> Receipt:
        return Receipt(outcome=Outcome.UNCHANGED, proved=False)


@pytest.fixture(name="posta")
def _posta() -> MemoryTarget:
    return AliasedTarget()


@pytest.fixture(name="mail")
def _mail(posta: MemoryTarget) -> FaultSessions:
    return FaultSessions(WatchedMail(posta))


@pytest.fixture(name="harness")
def _harness(tmp_path: Path, posta: MemoryTarget, mail: FaultSessions) -> Iterator[Harness]:
    targets = {"posta": posta, "mail": mail, "elsewhere": FaultSessions(MemoryMail(posta)), "cache": CacheOnly()}
    scopes = {"elsewhere": {"kinds": ["school"]}}
    channels = {"sms": MemoryChannel()}
    with Harness(tmp_path / "store.sqlite", targets=targets, channels=channels, scopes=scopes) as harness:
        harness.know(units=[UNIT], persons=[AYSE])
        harness.open(["u1"])
        yield harness


def counted(harness: Harness) -> Mapping[str, VerifiedAccount]:
    """Return what the targets without accounts show."""
    found = list(harness.app.verification.verify([harness.account("birim1")], actor="tester"))
    assert found[0].target == "posta"
    return {verified.target: verified for verified in found[1:]}


def test_targets_that_can_count_show_who_is_logged_in_within_their_scope(harness: Harness, mail: FaultSessions) -> None:
    mail.inner.begin_session()

    shown = counted(harness)
    assert {target: (verified.sessions, verified.difference) for target, verified in shown.items()} == {
        "mail": (1, None)
    }


def test_nobody_who_is_logged_in_is_a_number_and_not_a_gap(harness: Harness) -> None:
    assert counted(harness)["mail"].sessions == 0


def test_a_session_of_a_closed_account_is_a_difference(harness: Harness, mail: FaultSessions) -> None:
    harness.close_accounts(["birim1"])
    mail.inner.begin_session()

    difference = counted(harness)["mail"].difference
    assert difference
    assert (difference.kind.value, difference.known) == ("logged_in", "closed")
    assert "account close birim1 --again" in str(difference.cure)


def test_a_server_that_does_not_answer_is_not_called_empty(harness: Harness, mail: FaultSessions) -> None:
    mail.faults.on("sessions_probe", Fault.CANNOT_CONNECT)

    verified = counted(harness)["mail"]
    assert verified.sessions is None
    assert verified.error
    assert verified.error.name == "UnavailableError"


def test_sessions_are_sought_under_every_name_that_the_directory_has(harness: Harness, mail: FaultSessions) -> None:
    counted(harness)

    assert mail.inner.spellings == ("birim1", "takma.ad", "birim1@meb.gov.tr")
