"""What doveadm's API does, on a real Dovecot, and what is made of answers that none should give."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack

import attrs
import pytest

from provisioner.core.api.errors import MisconfiguredError, TargetError, TransientError, UnavailableError
from provisioner.core.model import Account
from provisioner.core.model.secret import Secret
from provisioner.net.http import HttpClient
from provisioner.testing import samples
from provisioner.testing.dovecot import Dovecot, ImapSession
from provisioner_ldap.plugin import Ldap
from provisioner_mail.doveadm import Doveadm
from tests.plugins.mail.conftest import doveadm_of
from tests.raw_http import MakeServer, answering

OLD, NEW = samples.SECRET, samples.OTHER_SECRET


@pytest.mark.server("slapd")
@pytest.mark.server("dovecot")
class TestCommands:
    """On a real server that remembers who logged in."""

    def test_an_old_password_that_is_remembered_opens_until_the_cache_is_empty(
        self, dovecot: Dovecot, directory: Ldap, opened: Account
    ) -> None:
        assert dovecot.logs_in(opened.login, OLD)
        assert dovecot.logs_in(opened.mail.upper(), OLD)
        directory.account_rotate(samples.rotate(opened))
        assert dovecot.logs_in(opened.login, OLD)
        assert dovecot.logs_in(opened.mail, OLD)

        doveadm_of(dovecot).empty_cache()

        assert not dovecot.logs_in(opened.login, OLD)
        assert not dovecot.logs_in(opened.mail, OLD)
        assert dovecot.logs_in(opened.login, NEW)

    def test_an_account_that_is_remembered_as_unknown_stays_out_until_the_cache_is_empty(
        self, dovecot: Dovecot, directory: Ldap, account: Account
    ) -> None:
        assert not dovecot.logs_in(account.login, OLD)
        directory.account_create(samples.create(account))
        assert not dovecot.logs_in(account.login, OLD)

        doveadm_of(dovecot).empty_cache()

        assert dovecot.logs_in(account.login, OLD)

    def test_sessions_are_listed_and_end_whatever_name_opened_them(self, dovecot: Dovecot, opened: Account) -> None:
        doveadm = doveadm_of(dovecot)
        with ExitStack() as stack:
            names = [opened.login, opened.mail, opened.login.upper()]
            sessions = [stack.enter_context(dovecot.session(name, OLD)) for name in names]
            listed = doveadm.sessions(opened.login.upper())
            assert len(listed) == len(sessions)
            assert {(session.user, session.service) for session in listed} == {(opened.login, "imap")}

            doveadm.kick(opened.login.upper())

            assert not any(map(_stays_open, sessions))
        assert doveadm.sessions(opened.login) == frozenset()

    def test_a_session_of_another_account_stays(self, dovecot: Dovecot, opened: Account) -> None:
        with dovecot.session(opened.login, OLD) as session:
            doveadm_of(dovecot).kick(opened.login[:-1])
            doveadm_of(dovecot).kick("nobody")

            assert session.is_open()

    def test_a_login_of_digits_is_listed_and_ends(self, dovecot: Dovecot, directory: Ldap, account: Account) -> None:
        directory.account_create(samples.create(attrs.evolve(account, login="734521")))
        with dovecot.session("734521", OLD) as session:
            assert len(doveadm_of(dovecot).sessions("734521")) == 1

            doveadm_of(dovecot).kick("734521")

            assert not _stays_open(session)

    def test_a_wrong_key_is_a_misconfiguration(self, dovecot: Dovecot) -> None:
        with pytest.raises(MisconfiguredError, match="refuses the API key"):
            doveadm_of(dovecot, Secret("another key")).sessions("x")

    def test_what_is_not_allowed_is_a_misconfiguration_that_names_the_setting(self, dovecot: Dovecot) -> None:
        with pytest.raises(MisconfiguredError, match="does not allow the doveadm command reload") as caught:
            doveadm_of(dovecot)._records("reload")

        assert "doveadm_allowed_commands = kick,who,auth cache flush" in str(caught.value.cure)

    def test_a_port_that_speaks_something_else_is_not_taken_for_success(self, dovecot: Dovecot) -> None:
        http = HttpClient.open(timeout=2, ca_file=dovecot.ca_file)

        with pytest.raises(TargetError):
            Doveadm.at(dovecot.addresses["imap"].replace("imaps", "https"), dovecot.api_key, http).empty_cache()


ANSWERS: dict[str, tuple[Callable[[socket.socket], None], type[TargetError]]] = {
    "no JSON": (answering(200, "<html>"), TransientError),
    "another document": (answering(200, '{"a": 1}'), TransientError),
    "nothing": (answering(200, ""), TransientError),
    "half an answer": (answering(200, '[["doveadmResponse",[{"entr'), TransientError),
    "what 2.3 says if one of several is not allowed": (
        answering(200, '[["error",{"type":"exitCode", "exitCode":68},"1"]["error",{"type":"unAuthorized"},"2"]]'),
        TransientError,
    ),
    "a failure of the command": (
        answering(200, '[["error",{"type":"exitCode", "exitCode":75},""]]'),
        TransientError,
    ),
    "an exit code of another error": (
        answering(200, '[["error",{"type":"unAuthorized", "exitCode":68},""]]'),
        MisconfiguredError,
    ),
    "an error of the server": (answering(500, ""), TransientError),
    "another service": (answering(404, "not here"), MisconfiguredError),
    "no answer": (lambda _: None, UnavailableError),
}

COMMANDS: dict[str, Callable[[Doveadm], object]] = {
    "empty_cache": Doveadm.empty_cache,
    "kick": lambda doveadm: doveadm.kick("x"),
    "sessions": lambda doveadm: doveadm.sessions("x"),
}


@pytest.mark.parametrize(("behave", "error"), ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_an_answer_that_proves_nothing_is_an_error(
    server: MakeServer,
    behave: Callable[[socket.socket], None],
    error: type[TargetError],
    command: Callable[[Doveadm], object],
) -> None:
    doveadm = Doveadm.at(server(behave).url.removesuffix("/sms"), Secret("key"), HttpClient.open(timeout=2))

    with pytest.raises(error) as caught:
        command(doveadm)

    assert "127.0.0.1" in str(caught.value)


@pytest.mark.parametrize("record", ['"x"', "{}", '{"username":"x","service":"imap","pid":1,"ip":"::1"}'])
def test_a_list_of_sessions_that_cannot_be_read_is_not_taken_for_an_empty_one(server: MakeServer, record: str) -> None:
    url = server(answering(200, f'[["doveadmResponse",[{record}],""]]')).url.removesuffix("/sms")

    with pytest.raises(TransientError, match="no usable answer"):
        Doveadm.at(url, Secret("key"), HttpClient.open(timeout=2)).sessions("x")


def _stays_open(session: ImapSession) -> bool:
    """Return whether a session survives; it ends soon after it was kicked."""
    return all(session.is_open() for _ in range(1000))
