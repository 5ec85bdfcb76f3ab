"""One request as the console reads it: headers, cookies, the query and a form, each of which is valid or refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self
from urllib.parse import parse_qsl

import attrs

#: The largest form, in bytes, and the number of its fields.
LARGEST_FORM = 64 * 1024
MOST_FIELDS = 50

#: The largest form with a file, in bytes.
LARGEST_UPLOAD = 5 * 1024 * 1024

_FORM_TYPE = "application/x-www-form-urlencoded"
_UPLOAD_TYPE = "multipart/form-data"

#: What a request can do that only reads.
SAFE_METHODS = frozenset({"GET", "HEAD"})


class UnusableRequestError(Exception):
    """A request can't be read.

    Args:

        status: The status of the answer.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@attrs.frozen(kw_only=True)
class Incoming:
    """A request without its body."""

    method: str
    path: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    cookies: Mapping[str, str] = attrs.field(repr=False)
    query: Mapping[str, str] = attrs.field(repr=False)
    #: The network address of the other end of the connection; empty if there is none.
    peer: str

    @classmethod
    def of(cls, scope: Mapping[str, Any]) -> Self:
        """Return the request of an ASGI scope.

        Raises:

            UnusableRequestError: Its address or its headers can't be read.
        """
        headers = _headers(scope["headers"])
        client = scope.get("client")
        return cls(
            method=scope["method"],
            path=scope["path"],
            headers=headers,
            cookies=_cookies(headers.get("cookie", "")),
            query=_fields(scope["query_string"]),
            peer=client[0] if client else "",
        )

    @property
    def is_safe(self) -> bool:
        """Whether it only reads."""
        return self.method in SAFE_METHODS

    def expect_form(self, *, with_file: bool) -> int:
        """Check that the body is announced as a form that is not too large.

        Args:

            with_file: Whether a file comes with it.

        Returns:

            How large the body may be, in bytes.

        Raises:

            UnusableRequestError: It is not.
        """
        largest, expected = (LARGEST_UPLOAD, _UPLOAD_TYPE) if with_file else (LARGEST_FORM, _FORM_TYPE)
        if self._type != expected:
            raise UnusableRequestError(415)
        length = self.headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:12]) > largest:
            raise UnusableRequestError(413)
        return largest

    @property
    def has_file(self) -> bool:
        """Whether the body is announced as a form that can have a file."""
        return self._type == _UPLOAD_TYPE

    @property
    def _type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def form_of(body: bytes) -> Mapping[str, str]:
    """Return the fields of a form.

    Raises:

        UnusableRequestError: It can't be read, or a field comes twice.
    """
    return _fields(body)


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    """Return the headers. One that comes twice has no value that could be meant, except for cookies."""
    found: dict[str, str] = {}
    for name, value in raw:
        key = name.decode("latin-1").lower()
        joiner = "; " if key == "cookie" else ", "
        found[key] = f"{found[key]}{joiner}{value.decode('latin-1')}" if key in found else value.decode("latin-1")
    return found


def _cookies(header: str) -> Mapping[str, str]:
    """Return the cookies. ``http.cookies`` would stop at the first one that another site on this host wrote badly."""
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return {name: value for name, separator, value in pairs if separator}


def _fields(encoded: bytes) -> Mapping[str, str]:
    try:
        pairs = parse_qsl(
            encoded.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise UnusableRequestError(400) from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise UnusableRequestError(400)
    return fields
