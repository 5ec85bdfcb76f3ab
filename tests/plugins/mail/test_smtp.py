"""Every answer of a mail server ends as what it means: sent, not sent, refused, or unknown."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from provisioner.core.api.errors import (
    LeaseLostError,
    MisconfiguredError,
    RefusedError,
    TransientError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.api.fencing import Lease, fenced
from provisioner.core.api.messages import DeliveryState
from provisioner.core.model.secret import Secret
from provisioner.testing.ports import free_ports
from provisioner.testing.private import make_certificate
from provisioner_mail.smtp import SmtpServer
from provisioner_mail.smtp_settings import Security, SmtpSettings

RECIPIENT = "ayse@example.gov.tr"
MAIL = b"Subject: x\r\n\r\none\r\n.two\r\n"


@attrs.define(eq=False)
class Postbox:
    """What a mail server does with mail, and what it received."""

    answers: dict[str, str] = attrs.field(factory=dict)
    #: How it loses the connection instead of answering.
    loses: str = ""
    mails: list[tuple[str, list[str], bytes]] = attrs.field(factory=list)
    log_ins: list[tuple[bytes, bytes]] = attrs.field(factory=list)

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802 - the library's
        envelope.mail_from = address
        return self.answers.get("MAIL", "250 OK")

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        if self.loses == "RCPT":
            server.transport.abort()
        envelope.rcpt_tos.append(address)
        return self.answers.get("RCPT", "250 OK")

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        if self.loses == "DATA":
            server.transport.abort()
        return self.answers.get("DATA", "250 queued as 7")

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.log_ins.append((data.login, data.password))
        return AuthResult(success=data.password in {b"right", "Şifre Ğ".encode()}, handled=False)


@attrs.frozen
class Site:
    """A mail server, and how it is reached."""

    postbox: Postbox
    server: SmtpServer

    def with_settings(self, **changes: Any) -> SmtpServer:
        return SmtpServer(attrs.evolve(self.server.settings, **changes))


Start = Callable[..., Site]


@pytest.fixture(scope="session", name="certificate")
def _certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("smtp")
    make_certificate(folder / "ca.pem", folder / "key.pem")
    return folder / "ca.pem", folder / "key.pem"


@pytest.fixture(name="start")
def _start(certificate: tuple[Path, Path]) -> Iterator[Start]:
    """Start a mail server that is protected in this way."""
    controllers: list[Controller] = []

    def start(security: Security = Security.NONE, **options: Any) -> Site:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        if security is Security.STARTTLS:
            options |= {"tls_context": context, "require_starttls": True}
        elif security is Security.TLS:
            options |= {"ssl_context": context}
        postbox = Postbox()
        [port] = free_ports(1)
        controller = Controller(postbox, hostname="127.0.0.1", port=port, authenticator=postbox.authenticate, **options)
        controller.start()
        controllers.append(controller)
        settings = SmtpSettings(
            host="127.0.0.1",
            port=port,
            security=security,
            sender="notices@example.gov.tr",
            address="{id}@example.gov.tr",
            ca_file=certificate[0],
            timeout=60,
        )
        return Site(postbox, SmtpServer(settings))

    yield start
    for controller in controllers:
        controller.stop()


@pytest.mark.parametrize("security", list(Security))
def test_a_mail_arrives_as_it_was_written(start: Start, security: Security) -> None:
    site = start(security)
    receipt = site.server.send(RECIPIENT, MAIL)

    assert (receipt.state, receipt.reference) == (DeliveryState.ACCEPTED, "250 queued as 7")
    assert site.postbox.mails == [("notices@example.gov.tr", [RECIPIENT], MAIL)]


def test_a_log_in_uses_tls(start: Start) -> None:
    site = start(Security.STARTTLS, auth_required=True)
    server = site.with_settings(username="notices", password=Secret("right"))
    server.check()
    server.send(RECIPIENT, MAIL)

    assert site.postbox.log_ins == [(b"notices", b"right")] * 2
    assert len(site.postbox.mails) == 1


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_password_with_turkish_letters_logs_in(start: Start, mechanism: str) -> None:
    """The library encodes ASCII only, and its error holds the password."""
    other = {"PLAIN": "LOGIN", "LOGIN": "PLAIN"}[mechanism]
    site = start(Security.STARTTLS, auth_required=True, auth_exclude_mechanism=[other])

    site.with_settings(username="bildirim", password=Secret("Şifre Ğ")).check()

    assert site.postbox.log_ins == [(b"bildirim", "Şifre Ğ".encode())]


def test_a_wrong_password_is_our_fault_and_is_not_told(start: Start) -> None:
    site = start(Security.STARTTLS, auth_required=True)
    server = site.with_settings(username="notices", password=Secret("Kx7wrong"))

    with pytest.raises(MisconfiguredError, match="refuses the credentials") as refused:
        server.send(RECIPIENT, MAIL)
    assert "Kx7wrong" not in repr(refused.value)


def test_a_missing_log_in_is_our_fault(start: Start) -> None:
    site = start(Security.STARTTLS, auth_required=True)

    with pytest.raises(MisconfiguredError, match="refuses the sender: 530"):
        site.server.send(RECIPIENT, MAIL)


def test_a_server_without_tls_gets_nothing(start: Start) -> None:
    site = start()
    server = site.with_settings(security=Security.STARTTLS, username="notices", password=Secret("right"))

    with pytest.raises(MisconfiguredError, match="offers no TLS"):
        server.send(RECIPIENT, MAIL)
    assert (site.postbox.mails, site.postbox.log_ins) == ([], [])


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_a_certificate_that_nobody_trusts_gets_nothing(start: Start, security: Security) -> None:
    site = start(security)

    with pytest.raises(MisconfiguredError, match="is not trusted"):
        site.with_settings(ca_file=None).send(RECIPIENT, MAIL)
    assert site.postbox.mails == []


@pytest.mark.parametrize(
    ("command", "answer", "error"),
    [
        ("MAIL", "451 later", TransientError),
        ("MAIL", "550 not you", MisconfiguredError),
        ("RCPT", "452 mailbox full", TransientError),
        ("RCPT", "OK", TransientError),
        ("RCPT", "354 go on", TransientError),
        ("DATA", "451 later", TransientError),
        ("RCPT", "530 log in", MisconfiguredError),
    ],
)
def test_what_is_not_taken_is_not_sent(start: Start, command: str, answer: str, error: type[Exception]) -> None:
    site = start()
    site.postbox.answers[command] = answer

    with pytest.raises(error):
        site.server.send(RECIPIENT, MAIL)


@pytest.mark.parametrize(("command", "answer"), [("RCPT", "550 no such user"), ("DATA", "554 spam")])
def test_a_refused_mail_is_rejected_in_the_words_of_the_server(start: Start, command: str, answer: str) -> None:
    site = start()
    site.postbox.answers[command] = answer
    receipt = site.server.send(RECIPIENT, MAIL)

    assert (receipt.state, receipt.detail) == (DeliveryState.REJECTED, answer)


def test_a_connection_that_is_lost_before_the_mail_is_transient(start: Start) -> None:
    site = start()
    site.postbox.loses = "RCPT"

    with pytest.raises(UnavailableError):
        site.server.send(RECIPIENT, MAIL)


def test_a_connection_that_is_lost_after_the_mail_leaves_the_outcome_unknown(start: Start) -> None:
    site = start()
    site.postbox.loses = "DATA"

    with pytest.raises(UnknownOutcomeError):
        site.server.send(RECIPIENT, MAIL)
    assert len(site.postbox.mails) == 1


@pytest.mark.parametrize("answer", ["OK queued", "-7 queued", "354 more", "199 wait"])
def test_a_mail_with_an_answer_that_means_nothing_is_not_sent_again(start: Start, answer: str) -> None:
    site = start()
    site.postbox.answers["DATA"] = answer

    with pytest.raises(UnknownOutcomeError, match="does not say whether it was accepted"):
        site.server.send(RECIPIENT, MAIL)
    assert len(site.postbox.mails) == 1


@pytest.mark.parametrize("answer", ["200 OK", "251 forwarded", "252 maybe"])
def test_a_mail_that_was_taken_in_an_unusual_way_is_not_sent_again(start: Start, answer: str) -> None:
    site = start()
    site.postbox.answers["DATA"] = answer

    assert site.server.send(RECIPIENT, MAIL).state is DeliveryState.ACCEPTED


def test_nobody_there_is_transient() -> None:
    [port] = free_ports(1)
    settings = SmtpSettings(
        host="127.0.0.1", port=port, security=Security.NONE, sender="n@example.gov.tr", address="{id}@example.gov.tr"
    )

    with pytest.raises(UnavailableError):
        SmtpServer(settings).send(RECIPIENT, MAIL)


def test_a_process_that_was_suspended_sends_nothing(start: Start) -> None:
    site = start()

    with fenced("a", Lease(left=lambda: 0.0)), pytest.raises(LeaseLostError):
        site.server.send(RECIPIENT, MAIL)
    assert site.postbox.mails == []


def test_a_recipient_cannot_add_a_command(start: Start) -> None:
    site = start()

    with pytest.raises((ValueError, RefusedError)):
        site.server.send("a@b.tr>\r\nRCPT TO:<c@d.tr", MAIL)
    assert site.postbox.mails == []
