"""Private log collectors for tests: rsyslog and syslog-ng, with TLS on loopback and one file for what they receive.

Each is given its configuration as an administrator writes it, for port 6514, with certificates in ``/etc/collector``
and the file in ``/var/log``; port and folders are replaced::

    with Rsyslog(configuration=text) as collector:
        print(collector.address, collector.ca_file, collector.received)

Debian doesn't install both packages side by side, and either may be the logger of this machine. So they may also be
unpacked below :data:`UNPACKED`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import attrs

from provisioner.testing.ports import free_ports
from provisioner.testing.private import OPENSSL, PrivateServer, give_away, make_certificate, missing_of

#: Where packages are unpacked that are not installed.
UNPACKED = Path("/opt/provisioner-tests")

RSYSLOGD, RSYSLOG_MODULES = "usr/sbin/rsyslogd", "usr/lib/*/rsyslog"
SYSLOG_NG, SYSLOG_NG_LIBRARIES = "usr/sbin/syslog-ng", "usr/lib/syslog-ng"

#: The port and the folders that a configuration names.
PORT, CERTIFICATES, LOGS = "6514", "/etc/collector/", "/var/log/"


def rsyslog_packages() -> tuple[str, ...]:
    """Return the Debian packages without which no rsyslog can be started here."""
    root = _root("rsyslog", RSYSLOGD)
    tls = next(root.glob(f"{RSYSLOG_MODULES}/lmnsd_ossl.so"), root / "nowhere")
    return missing_of({"rsyslog": [str(root / RSYSLOGD)], "rsyslog-openssl": [str(tls)], "openssl": [OPENSSL]})


def syslog_ng_packages() -> tuple[str, ...]:
    """Return the Debian packages without which no syslog-ng can be started here."""
    root = _root("syslog-ng-core", SYSLOG_NG)
    return missing_of({"syslog-ng-core": [str(root / SYSLOG_NG)], "openssl": [OPENSSL]})


def _root(package: str, program: str) -> Path:
    """Return the folder that stands for ``/`` where a package is: where it was unpacked, or where it is installed."""
    unpacked = UNPACKED / package
    return unpacked if (unpacked / program).exists() else Path("/")


@attrs.define(eq=False, kw_only=True)
class PrivateCollector(PrivateServer):
    """A private log collector."""

    #: What its configuration is called.
    configuration_name: ClassVar[str] = "collector.conf"

    configuration: str
    port: int = attrs.field(init=False)

    @property
    def address(self) -> str:
        """Where it takes messages."""
        return f"tls://localhost:{self.port}"

    @property
    def ca_file(self) -> Path:
        """What its certificate is verified with."""
        return self.folder / "collector.pem"

    @property
    def received(self) -> Path:
        """The file that has what it received."""
        return self.folder / "provisioner-audit.log"

    def _ports(self) -> Sequence[int]:
        return (self.port,)

    def _prepare(self) -> None:
        [self.port] = free_ports(1)
        make_certificate(self.ca_file, self.folder / "collector.key")
        text = self.configuration.replace(PORT, str(self.port))
        for folder in (CERTIFICATES, LOGS):
            text = text.replace(folder, f"{self.folder}/")
        (self.folder / self.configuration_name).write_text(text, encoding="utf-8")
        give_away(self.folder)


class Rsyslog(PrivateCollector):
    """A private rsyslog."""

    name = "rsyslog"

    def _missing(self) -> Sequence[str]:
        return rsyslog_packages()

    def _command(self) -> Sequence[str]:
        root = _root("rsyslog", RSYSLOGD)
        [modules] = root.glob(RSYSLOG_MODULES)
        configuration = str(self.folder / self.configuration_name)
        return [str(root / RSYSLOGD), "-n", "-f", configuration, "-i", "NONE", "-M", str(modules)]


class SyslogNg(PrivateCollector):
    """A private syslog-ng."""

    name = "syslog-ng"

    def _missing(self) -> Sequence[str]:
        return syslog_ng_packages()

    def _command(self) -> Sequence[str]:
        root = _root("syslog-ng-core", SYSLOG_NG)
        libraries = root / SYSLOG_NG_LIBRARIES
        [modules] = {module.parent for module in libraries.glob("*/libsyslogformat.so")}
        files = {
            "--cfgfile": self.configuration_name,
            "--pidfile": "pid",
            "--persist-file": "persist",
            "--control": "ctl",
        }
        options = [f"{option}={self.folder / file}" for option, file in files.items()]
        program = ["env", f"LD_LIBRARY_PATH={libraries}", str(root / SYSLOG_NG)]
        return [*program, "--foreground", "--no-caps", f"--module-path={modules}", *options]
