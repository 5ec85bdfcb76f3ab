"""Messages reach an operator over TLS, and nobody else is given the password of the account."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from provisioner import DeliveryState, Secret
from provisioner.core.api.errors import MisconfiguredError, TargetError, UnavailableError
from provisioner.testing.kannel import wait_until
from provisioner.testing.private import make_certificate
from provisioner_sms.gateway import SmsMessage
from provisioner_sms.settings import SmppSettings
from provisioner_sms.smpp.gateway import SmppGateway
from tests.plugins.sms.conftest import NUMBER
from tests.smpp_operator import SmppOperator


@pytest.fixture(name="certificate", scope="module")
def _certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _made(tmp_path_factory.mktemp("tls"), "127.0.0.1")


def _made(folder: Path, host: str) -> Path:
    """Make a certificate, and put its key beside it."""
    make_certificate(folder / "operator.pem", folder / "operator.key", host)
    return folder / "operator.pem"


@contextmanager
def operator_with(certificate: Path | None) -> Iterator[SmppOperator]:
    tls = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, certificate.with_suffix(".key"))
    with SmppOperator.running(tls=tls) as operator:
        yield operator


@contextmanager
def gateway_to(operator: SmppOperator, ca_file: Path | None) -> Iterator[SmppGateway]:
    settings = SmppSettings(
        host="127.0.0.1",
        port=operator.port,
        system_id=operator.system_id,
        password=Secret(operator.password),
        tls=True,
        ca_file=ca_file,
        timeout=60.0,
    )
    with closing(SmppGateway.open(settings, lambda *_: True)) as gateway:
        yield gateway


def message() -> SmsMessage:
    return SmsMessage(delivery_id="1", to=NUMBER, text=Secret("merhaba"))


def refusal(
    operator: SmppOperator, ca_file: Path | None, kind: type[TargetError] = MisconfiguredError
) -> tuple[str, str]:
    """Return the error of a check and its cure; a message ends with the same one."""
    with gateway_to(operator, ca_file) as gateway:
        with pytest.raises(kind) as checked:
            gateway.check()
        with pytest.raises(kind) as sent:
            gateway.send(message())
    assert sent.value.text == checked.value.text
    assert operator.pdus == 0
    return str(checked.value.text), str(checked.value.cure)


def test_a_message_does_not_arrive_over_tls(certificate: Path) -> None:
    with operator_with(certificate) as operator, gateway_to(operator, certificate) as gateway:
        assert gateway.check() == ()
        assert gateway.send(message()).state in {DeliveryState.ACCEPTED, DeliveryState.DELIVERED}
        wait_until(lambda: operator.phone(NUMBER) == ["merhaba"])


def test_the_password_is_given_to_whom_another_name_belongs(tmp_path: Path) -> None:
    other = _made(tmp_path, "127.0.0.9")
    with operator_with(other) as operator:
        error, cure = refusal(operator, other)

    assert error.startswith("the certificate of 127.0.0.1 is for another name: ")
    assert cure == "set host to a name that is in the certificate, or check the address"


@pytest.mark.parametrize("knows_another", [False, True])
def test_the_password_is_given_to_whom_nobody_certified(certificate: Path, tmp_path: Path, knows_another: bool) -> None:
    ca_file = _made(tmp_path, "127.0.0.1") if knows_another else None
    with operator_with(certificate) as operator:
        error, cure = refusal(operator, ca_file)

    assert error.startswith("the certificate of 127.0.0.1 is not trusted: ")
    assert "set ca_file" in cure


def test_the_password_is_given_to_an_operator_without_tls(certificate: Path) -> None:
    with operator_with(None) as operator:
        error, cure = refusal(operator, certificate, UnavailableError)

    assert error.startswith("there is no TLS connection to 127.0.0.1: ")
    assert "port" in cure
