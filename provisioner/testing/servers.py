"""Which of the real servers that tests use can be started here."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping

from provisioner.testing import dovecot, slapd


def _missing_for_kannel() -> tuple[str, ...]:
    return () if shutil.which("bearerbox") and shutil.which("smsbox") else ("kannel",)


#: What tells which Debian packages a server lacks, by the name of the module that starts it.
SERVERS: Mapping[str, Callable[[], tuple[str, ...]]] = {
    "slapd": slapd.missing_packages,
    "dovecot": dovecot.missing_packages,
    "kannel": _missing_for_kannel,
}


def missing_packages(server: str) -> tuple[str, ...]:
    """Return the Debian packages without which *server*, one of :data:`SERVERS`, cannot be started here."""
    return SERVERS[server]()
