"""The configurations of log collectors that the documentation shows."""

from __future__ import annotations

import re
from pathlib import Path

from provisioner.audit.framing import Framing
from provisioner.testing.collectors import PrivateCollector, Rsyslog, SyslogNg

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "export-the-audit-log.md"


def blocks(language: str) -> list[str]:
    """Return the code blocks of the page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def rsyslog() -> PrivateCollector:
    [block] = blocks("rsyslog")
    return Rsyslog(configuration=block)


def syslog_ng(framing: Framing) -> PrivateCollector:
    """Return a syslog-ng whose main file, as Debian's does, names the version and includes the page's."""
    octets, lines = blocks("syslog-ng")
    block = octets if framing is Framing.OCTET_COUNTING else lines
    return SyslogNg(configuration=f"@version: 3.38\n{block}")
