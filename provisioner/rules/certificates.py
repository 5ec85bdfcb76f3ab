"""Certificates are renewed before they run out (004 m.12/d)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import ClassVar
from zoneinfo import ZoneInfo

import attrs
from attrs.validators import deep_iterable

from provisioner.core.api.bounds import DAYS
from provisioner.core.api.errors import ConfigurationError, InMaintenanceError, TargetError, UnsupportedError
from provisioner.core.api.rules import Action, Deadline, Monitor, Observation, Reports
from provisioner.core.model import days
from provisioner.core.model.text import Text

SOURCE = "004 m.12/d"

#: What "good permanently" is in a certificate (RFC 5280, section 4.1.2.5): a day later there is no local time any more.
LAST_DAY = datetime(9999, 12, 31, tzinfo=UTC)

#: How many certificates are looked at at once.
PARALLEL = 8

_SERVER = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^:\s]+):([0-9]{1,5})")
_LAST_PORT = 65535

#: Returns until when each certificate at one place is good, by the name of the certificate.
_Look = Callable[[], Mapping[str, datetime]]


@attrs.frozen(kw_only=True)
class Certificates(Monitor):
    """Warn before a certificate runs out that lies in a file, or that a server or target shows (004 m.12/d)."""

    rule_name: ClassVar[str] = "certificate"
    #: Certificates, or whole chains, in PEM. Of a chain, the one that runs out first counts.
    files: tuple[Path, ...] = ()
    #: Servers that speak TLS, each as ``HOST:PORT``.
    servers: tuple[str, ...] = ()
    #: Targets that say until when the certificates of their own servers are good.
    targets: tuple[str, ...] = ()
    #: How many days before that someone is warned.
    warn_days: tuple[int, ...] = attrs.field(default=(30, 14, 7, 1), validator=deep_iterable(DAYS))
    #: The ID of the person to warn; by default the custodian of the IT unit.
    tell: str | None = None

    def __attrs_post_init__(self) -> None:
        if not (self.files or self.servers or self.targets):
            raise ConfigurationError(
                "no certificate is configured", cure="set 'files', 'servers' or 'targets', or remove the rule set"
            )
        if not all(map(_has_port, self.servers)):
            raise ConfigurationError("a server is not in the form HOST:PORT", cure="add the port, for example :636")

    def look(self, reports: Reports, time_zone: ZoneInfo) -> Sequence[Observation]:
        """Look at all of them at the same time, because each may make us wait for a while."""
        places = list(self._places(reports))
        with ThreadPoolExecutor(min(PARALLEL, len(places)), thread_name_prefix="certificates") as pool:
            found = pool.map(lambda place: self._seen(place[0], place[1], time_zone), places)
            return [observation for seen in found for observation in seen]

    def _places(self, reports: Reports) -> Iterable[tuple[str, _Look]]:
        """Yield the name of each place, and how to look there."""
        for file in self.files:
            yield str(file), partial(_in_file, file)
        for server in self.servers:
            yield server, partial(_on_server, server)
        for target in self.targets:
            yield target, partial(_of_target, target, reports)

    def _seen(self, place: str, look: _Look, time_zone: ZoneInfo) -> list[Observation]:
        try:
            found = look()
        except InMaintenanceError:
            return []
        except TargetError as error:
            return [Observation(subject=_subject(place), message=error.text, tell=self.tell, error=error)]
        return [self._observation(name, until, time_zone) for name, until in sorted(found.items())]

    def _observation(self, name: str, until: datetime, time_zone: ZoneInfo) -> Observation:
        until = min(until, LAST_DAY)
        day = days.written_day(until, time_zone)
        soon = Text("please renew the certificate of {name}: it expires on {day}", {"name": name, "day": day})
        warnings = [
            Deadline(action=Action.WARN, at=days.days_after(until, -left, time_zone), reason=soon, source=SOURCE)
            for left in sorted(set(self.warn_days), reverse=True)
        ]
        over = Text("the certificate of {name} expired on {day}", {"name": name, "day": day})
        return Observation(
            subject=_subject(name),
            message=Text("valid until {day}", {"day": day}),
            deadlines=(*warnings, Deadline(action=Action.WARN, at=until, reason=over, source=SOURCE)),
            tell=self.tell,
        )


def _has_port(server: str) -> bool:
    found = _SERVER.fullmatch(server)
    return found is not None and 0 < int(found[1]) <= _LAST_PORT


def _subject(name: str) -> str:
    return f"certificate:{name}"


def _in_file(file: Path) -> Mapping[str, datetime]:
    from provisioner.rules import x509

    return {str(file): x509.file_good_until(file)}


def _on_server(server: str) -> Mapping[str, datetime]:
    from provisioner.rules import x509

    host, _, port = server.rpartition(":")
    return {server: x509.server_good_until(host.strip("[]"), int(port))}


def _of_target(target: str, reports: Reports) -> Mapping[str, datetime]:
    certificates = reports(target).certificates
    if not certificates:
        raise UnsupportedError(
            "{target} shows no certificate", cure="use 'servers' for its servers instead", target=target
        )
    return {f"{target} ({server})": until for server, until in certificates.items()}
