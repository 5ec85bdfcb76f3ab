"""Whom the client trusts."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from provisioner.core.api.errors import (
    MisconfiguredError,
)
from provisioner.core.model.secret import Secret
from provisioner_pys.client import PysClient

PASSWORD = Secret("canary-Zt7!q")
KEY = Secret("key-of-the-test")


@pytest.fixture(name="certificate", scope="module")
def _certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=pys"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )
    both = folder / "both.pem"
    both.write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())
    return both


@pytest.fixture(name="tls_url")
def _tls_url(certificate: Path) -> Iterator[str]:
    """A server that speaks TLS and answers as if everything had been done."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with HTTPServer(host="127.0.0.1", port=0, ssl_context=context) as server:
        server.expect_request("/accounts/okul/password").respond_with_json({"changed": True, "undo_token": None})
        yield server.url_for("")


class TestCertificates:
    def test_one_that_is_trusted_by_name_of_its_file(self, tls_url: str, certificate: Path) -> None:
        with closing(PysClient.connect(tls_url, KEY, timeout=60, ca_file=certificate)) as client:
            assert client.set_password("okul", password=PASSWORD, operation="op-1").changed

    def test_one_that_is_not_trusted_is_a_misconfiguration(self, tls_url: str) -> None:
        with (
            closing(PysClient.connect(tls_url, KEY, timeout=60)) as client,
            pytest.raises(MisconfiguredError, match="not trusted"),
        ):
            client.set_password("okul", password=PASSWORD, operation="op-1")

    @pytest.mark.parametrize("content", [None, "this is no certificate"])
    def test_a_file_without_one_is_a_misconfiguration(self, tmp_path: Path, content: str | None) -> None:
        file = tmp_path / "ca.pem"
        if content is not None:
            file.write_text(content)

        with pytest.raises(MisconfiguredError, match=r"ca\.pem"):
            PysClient.connect("https://127.0.0.1", KEY, timeout=1, ca_file=file)
