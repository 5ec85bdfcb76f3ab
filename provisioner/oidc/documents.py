"""Requests to an OpenID provider: each answer is one JSON object that is not too long, and no redirect is followed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import attrs

from provisioner.core.api.errors import MisconfiguredError, TargetError, UnavailableError
from provisioner.core.model.secret import Secret
from provisioner.net.http import HttpClient, Response

#: The seconds that a request to the provider may take, and the bytes that are read of an answer.
TIMEOUT, LONGEST_ANSWER = 10.0, 256 * 1024

#: The longest code of an error that is quoted.
_LONGEST_CODE = 60


@attrs.frozen(kw_only=True)
class ProviderHttp:
    """Calls the provider.

    Args:

        issuer: The address of the provider, for messages.

        client: What sends requests; it reads :data:`LONGEST_ANSWER` bytes of an answer.
    """

    issuer: str
    client: HttpClient

    def document(self, url: str) -> Mapping[str, Any]:
        """Return a document that the provider publishes.

        Raises:

            UnavailableError: The provider doesn't answer, or says that it can't.

            MisconfiguredError: It is not trusted, or there is no document at this address.
        """
        return self._object(url, self._call("GET", url, {}))

    def exchange(self, url: str, fields: Secret, headers: Mapping[str, str | Secret]) -> Mapping[str, Any]:
        """Send a form to the token endpoint, and return the answer.

        Args:

            url: The address of the endpoint.

            fields: The form, encoded.

            headers: The headers that authenticate the console, if it isn't in the form.

        Raises:

            UnavailableError: The provider doesn't answer, or says that it can't.

            MisconfiguredError: It doesn't accept the request; the message has its code for the reason.
        """
        form = {"content-type": "application/x-www-form-urlencoded", **headers}
        return self._object(url, self._call("POST", url, form, fields))

    def close(self) -> None:
        """Close the connections. No request may be under way."""
        self.client.close()

    def _call(
        self, method: str, url: str, headers: Mapping[str, str | Secret], content: Secret | None = None
    ) -> Response:
        given = {"accept": "application/json", **headers}
        try:
            # If the answer to a code is lost, the person logs in again.
            return self.client.call(method, url, headers=given, content=content, harmless=True)
        except UnavailableError as error:
            raise UnavailableError(
                "the log-in of your organisation can't be reached: {reason}",
                cure="try again in a few minutes; if it stays like this, tell the administrators",
                reason=error.text,
            ) from None

    def _object(self, url: str, answer: Response) -> Mapping[str, Any]:
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise UnavailableError(
                "the log-in of your organisation answers with status {status}",
                cure="try again in a few minutes; if it stays like this, tell the administrators",
                status=answer.status,
            )
        document = _parsed(answer.body)  # one that is cut off is no JSON
        if answer.status != HTTPStatus.OK:
            raise self._unexpected(url, answer.status, _code(document))
        if document is None:
            raise MisconfiguredError(
                "the provider {issuer} has no JSON object at {url}, or one that is too long",
                cure="compare console.oidc.issuer with the provider's own settings",
                issuer=self.issuer,
                url=url,
            )
        return document

    def _unexpected(self, url: str, status: int, code: str) -> TargetError:
        if code:
            return MisconfiguredError(
                "the provider {issuer} refuses the request: {code}",
                cure="log in again; if it fails again, check client_id, client_secret and the registered addresses",
                issuer=self.issuer,
                code=code,
            )
        return MisconfiguredError(
            "the provider {issuer} answers with status {status} at {url}",
            cure="compare console.oidc.issuer with the provider's own settings",
            issuer=self.issuer,
            status=status,
            url=url,
        )


def error_code(value: object) -> str:
    """Return the code of an error if it is one (RFC 6749 §5.2), and else an empty text.

    Args:

        value: What came as the code. It is shown to people, so it is quoted only if it is a short word.
    """
    is_code = isinstance(value, str) and len(value) <= _LONGEST_CODE and value.isascii()
    return str(value) if is_code and str(value).replace("_", "").isalpha() else ""


def _code(document: Mapping[str, Any] | None) -> str:
    return error_code(document.get("error")) if document else ""


def _parsed(body: bytes) -> Mapping[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
