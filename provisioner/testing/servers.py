"""Which of the real servers that tests use can be started here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from provisioner.testing import chromium, collectors, dirsrv389, dovecot, kannel, postgresql, samba, slapd

#: What tells which Debian packages a server lacks, by its name.
SERVERS: Mapping[str, Callable[[], tuple[str, ...]]] = {
    "chromium": chromium.missing_packages,
    "slapd": slapd.missing_packages,
    "dirsrv389": dirsrv389.missing_packages,
    "dovecot": dovecot.missing_packages,
    "kannel": kannel.missing_packages,
    "postgresql": postgresql.missing_packages,
    "rsyslog": collectors.rsyslog_packages,
    "samba": samba.missing_packages,
    "syslog-ng": collectors.syslog_ng_packages,
}


def missing_packages(server: str) -> tuple[str, ...]:
    """Return the Debian packages without which *server*, one of :data:`SERVERS`, cannot be started here."""
    return SERVERS[server]()
