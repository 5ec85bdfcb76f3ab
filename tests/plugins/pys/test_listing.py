"""The list of PYS: complete over many answers, or an error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from pytest_httpserver import HTTPServer

from provisioner.core.api.errors import TargetError
from provisioner.core.api.messages import ListedAccount, Presence
from provisioner.core.model import Account
from provisioner.core.model.secret import Secret
from provisioner.testing import samples
from provisioner_pys.mock import PysFault, PysFaultOrder, PysMock, service
from provisioner_pys.plugin import Pys
from provisioner_pys.settings import PysSettings

HOUR = timedelta(hours=1)


@pytest.fixture(name="mock")
def _mock() -> Iterator[PysMock]:
    with PysMock.running() as mock:
        yield mock


def pys(url: str, key: Secret) -> Pys:
    return Pys(settings=PysSettings(url=url, api_key=key, insecure=True))


@pytest.fixture(name="target")
def _target(mock: PysMock) -> Iterator[Pys]:
    with closing(pys(mock.url, mock.api_key)) as target:
        yield target


def listed(target: Pys) -> dict[str, ListedAccount]:
    pages = list(target.account_list())
    assert [page.is_last for page in pages] == [False] * (len(pages) - 1) + [True]
    return {account.login: account for page in pages for account in page.accounts}


def test_accounts_are_listed_as_they_are_over_many_answers(target: Pys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "PAGE_SIZE", 3)
    accounts = [Account(login=f"hesap{number}", domain="meb.gov.tr", unit="u") for number in range(7)]
    for account in accounts:
        target.account_create(samples.create(account))
    target.account_close(samples.close(accounts[3]))

    found = listed(target)

    assert list(found) == [account.login for account in accounts]
    assert {login for login, entry in found.items() if entry.presence is Presence.DISABLED} == {"hesap3"}
    assert {entry.holder for entry in found.values()} == {samples.create(accounts[0]).holder.id}
    now = datetime.now(UTC)
    assert all(now - HOUR < entry.password_changed_at <= now for entry in found.values() if entry.password_changed_at)
    assert None not in {entry.password_changed_at for entry in found.values()}


@pytest.mark.parametrize("text", ["yesterday", "2026-01-05T06:00:00", "0001-01-01T00:00:00+03:00", ""])
def test_a_time_that_cannot_be_read_stops_no_list(target: Pys, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(service, "_now", lambda: text)
    target.account_create(samples.create())

    assert {entry.password_changed_at for entry in listed(target).values()} == {None}


def test_none_is_a_list_too(target: Pys) -> None:
    assert listed(target) == {}


@pytest.mark.parametrize("fault", [PysFault.LOSE_REQUEST, PysFault.CUT_ANSWER])
def test_a_part_that_does_not_come_is_an_error(
    target: Pys, mock: PysMock, fault: PysFault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PAGE_SIZE", 1)
    for login in ("a1", "a2", "a3"):
        target.account_create(samples.create(Account(login=login, domain="meb.gov.tr", unit="u")))
    mock.misbehave(PysFaultOrder(endpoint="account.list", call=2, do=fault))

    with pytest.raises(TargetError):
        list(target.account_list())


def test_a_list_that_leads_nowhere_is_an_error_and_no_endless_loop(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/accounts", method="POST").respond_with_json({"accounts": [], "complete": False})
    with closing(pys(httpserver.url_for(""), Secret("key"))) as target, pytest.raises(TargetError):
        list(target.account_list())
