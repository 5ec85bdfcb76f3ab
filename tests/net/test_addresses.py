from __future__ import annotations

import pytest

from provisioner.net import addresses


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_this_machine_is_known(host: str) -> None:
    assert addresses.is_loopback(host)


@pytest.mark.parametrize("host", ["", "10.0.0.1", "0.0.0.0", "localhost.example", "127.0.0.1.example", "pys.gov.tr"])  # noqa: S104
def test_no_other_machine_is_taken_for_this_one(host: str) -> None:
    """A password would be sent to it unencrypted."""
    assert not addresses.is_loopback(host)


@pytest.mark.parametrize("url", ["http://[::1", "http://host:port/", "http://host:99999/"])
def test_what_is_no_address_has_no_parts(url: str) -> None:
    """The standard library finds some of them out only when it is asked for the port, in the middle of a run."""
    assert addresses.parts(url) is None


def test_an_address_has_parts() -> None:
    parts = addresses.parts("https://host:8443/path?query")

    assert parts is not None
    assert (parts.hostname, parts.port, parts.path) == ("host", 8443, "/path")
