"""Joins the settings to a client: of a PYS elsewhere, or of a mock that this process runs for itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from provisioner.core.api.errors import MisconfiguredError
from provisioner.core.model.secret import Secret
from provisioner_pys.client import PysClient
from provisioner_pys.settings import PysSettings


@contextmanager
def connected(settings: PysSettings) -> Iterator[PysClient]:
    """Yield a client. An embedded PYS runs until the end of the block.

    Raises:

        MisconfiguredError: The file of an embedded PYS, or the one with the certificates, cannot be used.
    """
    with _service(settings) as (url, api_key):
        client = PysClient.connect(url, api_key, timeout=settings.timeout, ca_file=settings.ca_file)
        with closing(client):
            yield client


@contextmanager
def _service(settings: PysSettings) -> Iterator[tuple[str, Secret]]:
    """Yield where PYS is and the key to it."""
    if settings.url is not None and settings.api_key is not None:
        yield settings.url, settings.api_key
        return
    from provisioner_pys.mock import DatabaseError, PysMock

    try:
        mock = PysMock.start(database=settings.embedded)
    except DatabaseError as error:
        raise MisconfiguredError(
            "the embedded PYS cannot use {file}: {reason}",
            cure="set 'embedded' to a writable file, in an existing folder, that no other program uses",
            file=settings.embedded,
            reason=error,
        ) from None
    with closing(mock):
        yield mock.url, mock.api_key
