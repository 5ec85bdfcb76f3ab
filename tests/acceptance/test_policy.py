"""An account that the policy closed, and the paper that opens it again, on nothing but real servers (001 ¶2, ¶4)."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from provisioner.testing.dovecot import Dovecot
from provisioner.testing.kannel import Kannel
from provisioner.testing.slapd import Slapd
from provisioner_pys.mock import PysMock
from tests.acceptance.province import UNITS, Entrance, Province, Run, password_in

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server("slapd"),
    pytest.mark.server("kannel"),
    pytest.mark.server("dovecot"),
]

LOGIN = "temelegitim46"

#: The account's custodian, who asks; the supervisor that PYS names; a PYS officer; and who gives roles.
REQUESTER, SUPERVISOR, OFFICER, ADMINISTRATOR = "460004", "460001", "460010", "yonetici"


@pytest.fixture(name="province", scope="module")
def _province(
    tmp_path_factory: pytest.TempPathFactory, directory: Slapd, pys: PysMock, kannel: Kannel, entrance: Entrance
) -> Province:
    """A province whose units are open."""
    entrance.clear()
    province = Province(
        folder=tmp_path_factory.mktemp("policy"),
        targets={"directory": {"plugin": "ldap", **directory.config}, "pys": pys.settings()},
        channel=kannel.settings(),
        more={
            "authority": {"administrators": [ADMINISTRATOR]},
            "rules": {"renewal": {"rule": "renew-or-close"}},
        },
    )
    assert province.run("init").code == 0
    assert act(province, ADMINISTRATOR, "policy", "sweep").code == 0
    assert act(province, ADMINISTRATOR, "unit", "open", str(UNITS)).code == 0
    assert act(province, ADMINISTRATOR, "authority", "grant", OFFICER, "officer", "--unit", "temel-egitim").code == 0
    return province


def act(province: Province, actor: str, *arguments: str) -> Run:
    return province.run("--json", "--actor", actor, *arguments)


@pytest.fixture(name="closed", scope="module")
def _closed(province: Province, kannel: Kannel) -> tuple[str, Run]:
    """The former password, and the sweep that closed the account because it was too old, after one that warned."""
    former = password_in(kannel.inbox(province.numbers[LOGIN])[-1])
    with closing(sqlite3.connect(province.store)) as store, store:
        store.execute(
            "UPDATE accounts SET opened_at = '2026-01-02 08:00:00.000000',"
            " password_changed_at = '2026-01-02 08:00:00.000000', next_deadline = '2026-02-01 08:00:00.000000'"
            " WHERE login = ?",
            (LOGIN,),
        )
        store.execute("UPDATE rule_sets SET since = '2026-01-01 00:00:00.000000'")
    warned = act(province, ADMINISTRATOR, "policy", "sweep")
    assert [notice["delivered"] for notice in warned.document["notices"]] == [True]
    with closing(sqlite3.connect(province.store)) as store, store:  # the day that the warning leaves goes by
        store.execute("UPDATE marks SET met_at = datetime(met_at, '-2 days') || '.000000'")
        store.execute("UPDATE accounts SET next_deadline = datetime(next_deadline, '-2 days') || '.000000'")
    return former, act(province, ADMINISTRATOR, "policy", "sweep")


def test_a_password_that_nobody_renewed_is_refused_by_mailbox_and_pys(
    closed: tuple[str, Run], mail: Dovecot, pys: PysMock
) -> None:
    former, sweep = closed
    [operation] = sweep.document["operations"]

    assert sweep.code == 0
    assert (operation["kind"], operation["login"], operation["actor"]) == ("close", LOGIN, "policy:renewal")
    assert not mail.logs_in(LOGIN, former)
    assert not pys.logs_in(LOGIN, former)


def test_nobody_reopens_it_without_a_request(closed: tuple[str, Run], province: Province, mail: Dovecot) -> None:
    denied = act(province, OFFICER, "account", "reopen", LOGIN)

    assert closed
    assert denied.code == 3
    assert denied.document["error"]["items"]


def test_an_approved_request_reopens_it_with_a_new_password_by_sms(
    closed: tuple[str, Run], province: Province, kannel: Kannel, mail: Dovecot, pys: PysMock
) -> None:
    former, _ = closed
    before = len(kannel.inbox(province.numbers[LOGIN]))
    submitted = act(province, REQUESTER, "request", "submit", LOGIN, "--kind", "reopen", "--reason", "süresi doldu")
    form = submitted.document["id"]
    approved = act(province, SUPERVISOR, "request", "approve", form)
    executed = act(province, OFFICER, "request", "execute", form)

    assert [submitted.code, approved.code, executed.code] == [0, 0, 0], executed.stderr
    inbox = kannel.inbox(province.numbers[LOGIN])
    assert len(inbox) == before + 1
    password = password_in(inbox[-1])
    assert password != former
    assert mail.logs_in(LOGIN, password)
    assert pys.logs_in(LOGIN, password)
    assert act(province, OFFICER, "request", "show", form).document["state"] == "archived"
    assert act(province, ADMINISTRATOR, "audit", "verify").code == 0
