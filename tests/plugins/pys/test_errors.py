"""The table of httpx's exceptions: none is forgotten, and the closest entry decides."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from provisioner.core.errors import TargetError, UnavailableError, UnknownOutcomeError
from provisioner_pys.errors import MAY_HAVE_ARRIVED, from_transport


def family(kind: type[httpx.RequestError]) -> Iterator[type[httpx.RequestError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from family(child)


@pytest.mark.parametrize("kind", list(family(httpx.RequestError)))
def test_every_exception_of_httpx_is_in_the_table(kind: type[httpx.RequestError]) -> None:
    assert kind in MAY_HAVE_ARRIVED


@pytest.mark.parametrize(("kind", "sent"), MAY_HAVE_ARRIVED.items())
def test_what_may_have_arrived_is_unknown_for_a_change(kind: type[httpx.RequestError], *, sent: bool) -> None:
    expected: type[TargetError] = UnknownOutcomeError if sent else UnavailableError

    assert type(from_transport(kind("canary"), writing=True)) is expected
    assert type(from_transport(kind("canary"), writing=False)) is UnavailableError


def test_the_closest_class_decides() -> None:
    """A future subclass of a connection error must not count as a general transport error."""

    class NameNotFound(httpx.ConnectError):
        pass

    assert type(from_transport(NameNotFound("canary"), writing=True)) is UnavailableError


@pytest.mark.parametrize("kind", [httpx.LocalProtocolError, httpx.ReadError, httpx.RemoteProtocolError])
def test_text_that_may_quote_the_request_is_left_out(kind: type[httpx.RequestError]) -> None:
    """h11 quotes a header it does not like, and one of them is the key."""
    assert "canary" not in str(from_transport(kind("Illegal header value b'canary'"), writing=True))
