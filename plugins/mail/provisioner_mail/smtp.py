"""Speaks SMTP with a mail server, step by step, so that it is known how far a mail came."""

from __future__ import annotations

import re
import smtplib
import ssl
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import attrs

from provisioner.core.api.errors import (
    MisconfiguredError,
    TargetError,
    TransientError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.api.fencing import require_lease
from provisioner.core.api.messages import DeliveryReceipt, DeliveryState
from provisioner.core.model.secret import Secret
from provisioner.net.tls import seconds_left, trusting
from provisioner_mail.smtp_settings import Security, SmtpSettings

#: What the first digit of an answer means: done, "send the mail now", refused for now, and refused for good (RFC 5321,
#: 4.2.1).
DONE, GO_ON, NOT_NOW, REFUSED = 2, 3, 4, 5

#: What a server answers to a log-in: that it is done, and that more is to be said.
LOGGED_IN, SAY_MORE = 235, 334

#: What a server answers if it wants a log-in, or another one.
UNAUTHORIZED = frozenset({530, 534, 535, 538})

#: How many characters of an answer are told.
LONGEST_ANSWER = 200

#: The lines that begin with the sign that ends a mail.
_DOTS = re.compile(rb"(?m)^\.")


@attrs.frozen
class _Reply:
    """What a server said."""

    code: int
    text: bytes

    @property
    def kind(self) -> int:
        """The first digit of the code."""
        return self.code // 100

    @property
    def words(self) -> str:
        return f"{self.code} {self.text.decode('utf-8', 'replace')}"[:LONGEST_ANSWER]


@attrs.frozen
class SmtpServer:
    """A mail server.

    Args:

        settings: How it is reached.
    """

    settings: SmtpSettings

    def send(self, recipient: str, mail: bytes) -> DeliveryReceipt:
        """Send a mail.

        Args:

            recipient: The address to which it goes.

            mail: The mail, with lines that end in CR and LF.

        Raises:

            TransientError: Nothing was sent, and it may work later.

            UnknownOutcomeError: The mail was sent, and no answer came that means anything.

            MisconfiguredError: The server refuses our credentials or our sender.
        """
        with self._session() as session:
            _require(session.say(f"MAIL FROM:<{self.settings.sender}>"))
            for command, wanted in ((f"RCPT TO:<{recipient}>", DONE), ("DATA", GO_ON)):
                if refused := _refusal(session.say(command), wanted):
                    return refused
            reply = session.send(mail)
        return _refusal(reply, DONE) or DeliveryReceipt(state=DeliveryState.ACCEPTED, reference=reply.words)

    def check(self) -> None:
        """Log in, and send nothing.

        Raises:

            UnavailableError: The server can't be reached, or doesn't answer.

            MisconfiguredError: It refuses our credentials, or offers no TLS.
        """
        with self._session() as session:
            _require(session.say("NOOP"))

    @contextmanager
    def _session(self) -> Iterator[_Session]:
        """Connect, protect the connection, and log in."""
        session = self._opened()
        try:
            yield session
            session.quit()
        finally:
            session.close()

    def _opened(self) -> _Session:
        deadline = time.monotonic() + self.settings.timeout
        with ExitStack() as undone:
            try:
                session = _Session(self.settings.host, _connected(self.settings), deadline)
                undone.callback(session.close)
                session.begin(self.settings)
            except (OSError, smtplib.SMTPException) as error:
                failure = _not_begun(self.settings.host, error)
            else:
                undone.pop_all()
                return session
        # Raised out here, so that the library's error, whose frames hold the password, is not chained to ours.
        raise failure


@attrs.frozen
class _Session:
    """A connection on which a mail can be sent."""

    _host: str
    _smtp: smtplib.SMTP
    _deadline: float

    def begin(self, settings: SmtpSettings) -> None:
        """Protect the connection, and log in."""
        _hurry(self._smtp, self._deadline)
        self._smtp.ehlo_or_helo_if_needed()
        if settings.security is Security.STARTTLS:
            self._smtp.starttls(context=trusting(settings.ca_file))
            self._smtp.ehlo()
        if settings.username is not None and settings.password is not None:
            _hurry(self._smtp, self._deadline)
            _log_in(self._smtp, settings.username, settings.password)

    def quit(self) -> None:
        """Say goodbye; the answer changes nothing."""
        with suppress(OSError, smtplib.SMTPException):
            self._smtp.putcmd("QUIT")

    def close(self) -> None:
        """Close the connection."""
        self._smtp.close()

    def say(self, command: str) -> _Reply:
        """Send a command, and return the answer."""
        try:
            _hurry(self._smtp, self._deadline)
            return _Reply(*self._smtp.docmd(command))
        except (OSError, smtplib.SMTPException) as error:
            failure = _unreached(self._host, error)
        raise failure

    def send(self, mail: bytes) -> _Reply:
        """Send the mail itself, and return the answer."""
        require_lease()
        try:
            _hurry(self._smtp, self._deadline)
            self._smtp.send(_DOTS.sub(b"..", mail) + b".\r\n")
            reply = _Reply(*self._smtp.getreply())
        except (OSError, smtplib.SMTPException) as error:
            lost = _lost(self._host, error)
        else:
            return _understood(self._host, reply)
        raise lost


def _connected(settings: SmtpSettings) -> smtplib.SMTP:
    us = settings.sender.rpartition("@")[2]
    if settings.security is not Security.TLS:
        return smtplib.SMTP(settings.host, settings.port, local_hostname=us, timeout=settings.timeout)
    context = trusting(settings.ca_file)
    return smtplib.SMTP_SSL(settings.host, settings.port, local_hostname=us, timeout=settings.timeout, context=context)


def _log_in(smtp: smtplib.SMTP, username: str, password: Secret) -> None:
    """Log in, once: the library would try a refused password with every mechanism, and a server would count each.

    It also takes ASCII only, while passwords are UTF-8 (RFC 4616).
    """
    offered = smtp.esmtp_features.get("auth", "").upper().split()
    mechanism = next((name for name in ("PLAIN", "LOGIN") if name in offered), None)
    if mechanism is None:
        raise smtplib.SMTPNotSupportedError
    said = [f"\0{username}\0{password.reveal()}"] if mechanism == "PLAIN" else [username, password.reveal()]
    code, answer = smtp.docmd("AUTH", mechanism)
    for part in said:
        if code != SAY_MORE:
            break
        code, answer = smtp.docmd(b64encode(part.encode()).decode())
    if code != LOGGED_IN:
        raise smtplib.SMTPAuthenticationError(code, answer)


def _hurry(smtp: smtplib.SMTP, deadline: float) -> None:
    """Let the next answer wait no longer than until the deadline."""
    if smtp.sock:
        smtp.sock.settimeout(seconds_left(deadline))


def _require(reply: _Reply) -> None:
    """Check the answer to a command that doesn't concern the recipient."""
    if refused := _refusal(reply, DONE):
        raise _unwelcome(str(refused.detail))


def _refusal(reply: _Reply, wanted: int) -> DeliveryReceipt | None:
    """Return the receipt of a mail that was refused for good; ``None`` if the answer is of the wanted kind."""
    if reply.kind == wanted:
        return None
    if reply.code in UNAUTHORIZED:
        raise _unwelcome(reply.words)
    if reply.kind != REFUSED:
        raise TransientError("the mail server cannot accept the mail now: {reply}", reply=reply.words)
    return DeliveryReceipt(state=DeliveryState.REJECTED, detail=reply.words)


def _understood(host: str, reply: _Reply) -> _Reply:
    """Return the answer to a mail, if it says what became of it."""
    if reply.kind in {DONE, NOT_NOW, REFUSED}:
        return reply
    raise UnknownOutcomeError(
        "a mail was sent to {host}, and the answer does not say whether it was accepted: {reply}",
        host=host,
        reply=reply.words,
    )


def _lost(host: str, error: Exception) -> UnknownOutcomeError:
    return UnknownOutcomeError(
        "a mail was sent to {host}, and no answer arrived: {reason}", host=host, reason=type(error).__name__
    )


def _unwelcome(reply: str) -> MisconfiguredError:
    return MisconfiguredError(
        "the mail server refuses the sender: {reply}",
        cure="check sender, username and password, and whether this machine may send mail over this server",
        reply=reply,
    )


def _not_begun(host: str, error: Exception) -> TargetError:
    """Say why no mail could be sent. What was answered to a password is not quoted."""
    match error:
        case ssl.SSLCertVerificationError():
            return MisconfiguredError(
                "the certificate of {host} is not trusted: {reason}",
                cure="check the address; if your own authority issued the certificate, set ca_file",
                host=host,
                reason=error.verify_message,
            )
        case smtplib.SMTPNotSupportedError():
            return MisconfiguredError(
                "{host} offers no TLS, or no log-in that the product knows",
                cure='check port and security; port 465 usually needs security = "tls"',
                host=host,
            )
        case smtplib.SMTPAuthenticationError() if error.smtp_code // 100 == REFUSED:
            return MisconfiguredError("{host} refuses the credentials", cure="check username and password", host=host)
    return _unreached(host, error)


def _unreached(host: str, error: Exception) -> UnavailableError:
    reason = getattr(error, "strerror", None) or type(error).__name__
    if isinstance(error, smtplib.SMTPResponseException):
        reason = f"{type(error).__name__} {error.smtp_code}"
    return UnavailableError(
        "{host} cannot be reached: {reason}",
        cure="check that it runs, and that the address and the network are correct",
        host=host,
        reason=reason,
    )
