"""Which of the real servers that tests use can be started here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from provisioner.testing import dirsrv389, dovecot, kannel, postgresql, samba, slapd

#: What tells which Debian packages a server lacks, by the name of the module that starts it.
SERVERS: Mapping[str, Callable[[], tuple[str, ...]]] = {
    "slapd": slapd.missing_packages,
    "dirsrv389": dirsrv389.missing_packages,
    "dovecot": dovecot.missing_packages,
    "kannel": kannel.missing_packages,
    "postgresql": postgresql.missing_packages,
    "samba": samba.missing_packages,
}


def missing_packages(server: str) -> tuple[str, ...]:
    """Return the Debian packages without which *server*, one of :data:`SERVERS`, cannot be started here."""
    return SERVERS[server]()
