"""What the table ``[targets.NAME]`` of this plug-in may hold. Settings that cannot work cannot be made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from provisioner.core.api.bounds import is_timeout
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model.secret import Secret
from provisioner.net import addresses


def _is_address(_: object, attribute: attrs.Attribute[Any], value: str | None) -> None:
    if value is None:
        return
    parts = addresses.parts(value)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(
            "{key}: expected the address of a web service", cure="write it as https://HOST/PATH", key=attribute.name
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(
            "{key}: an address must not contain a user, a query or a fragment, because addresses are logged",
            cure="write it as https://HOST/PATH, and the credentials as 'api_key'",
            key=attribute.name,
        )


@attrs.frozen(kw_only=True)
class PysSettings:
    """One PYS. Exactly one of :attr:`url` and :attr:`embedded` is given."""

    #: Where PYS answers, for example ``https://pys.example.gov.tr/api``.
    url: str | None = attrs.field(default=None, validator=_is_address)
    #: The key PYS knows us by. Needed with ``url``; an embedded PYS makes its own.
    api_key: Secret | None = None
    #: How many seconds one request may take, from connecting to the answer's last byte.
    timeout: float = attrs.field(default=10.0, validator=is_timeout)
    #: The certificates that may have signed PYS's, in PEM form, instead of the public ones.
    ca_file: Path | None = None
    #: Whether passwords may cross a network unencrypted, that is, whether ``http://`` to another machine is allowed.
    insecure: bool = False
    #: The SQLite file of a mock PYS that this process runs itself, on loopback, for as long as it lives.
    embedded: Path | None = None

    def __attrs_post_init__(self) -> None:
        if (self.url is None) == (self.embedded is None):
            raise ConfigurationError(
                "set either 'url' or 'embedded'",
                cure="set 'url' for a PYS on another machine, or 'embedded' for a mock with its own file",
            )
        if (self.url is None) != (self.api_key is None):
            raise ConfigurationError(
                "'url' and 'api_key' must be set together",
                cure="set 'api_key' to a reference of the key, beside 'url'; an embedded PYS generates its own key",
            )
        if self.in_the_clear and not self.insecure:
            raise ConfigurationError(
                "url: passwords would leave this machine unencrypted",
                cure="use https://, or set insecure = true if the connection is protected in another way",
            )

    @property
    def in_the_clear(self) -> bool:
        """Whether passwords cross a network unencrypted."""
        parts = addresses.parts(self.url) if self.url else None
        return parts is not None and parts.scheme == "http" and not addresses.is_loopback(parts.hostname or "")
