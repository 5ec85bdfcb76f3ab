"""The audit log at collectors, without a command line."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from provisioner.core.api.errors import DeniedError, InputError
from provisioner.core.engine.plan import Initiator
from provisioner.services.application import Application
from provisioner.services.collectors import Collector, Framing, Progress, Syslog
from tests.audit.peer import Peer
from tests.services.conftest import UNITS

AUDITOR = "9000"  # administrators are
NOBODY_SPECIAL = "1003"


@pytest.fixture(name="opened")
def _opened(app: Application) -> Application:
    app.runs.start(app.planner.open_units(UNITS, Initiator(actor=AUDITOR))).wait()
    return app


def follow(app: Application, collector: Collector, viewer: str = AUDITOR) -> list[Progress]:
    told: list[Progress] = []
    app.collectors.follow(
        collector,
        viewer=viewer,
        syslog=Syslog(framing=Framing.LINES),
        stop=threading.Event(),
        tell=told.append,
        once=True,
        settle=0.05,
    )
    return told


def test_is_for_auditors_only(opened: Application, tmp_path: Path) -> None:
    collectors = opened.collectors
    peer = Peer()
    with peer.listening() as collector, pytest.raises(DeniedError):
        follow(opened, collector, viewer=NOBODY_SPECIAL)
    assert peer.received == b""
    with pytest.raises(DeniedError):
        collectors.compare([tmp_path], viewer=NOBODY_SPECIAL)
    with pytest.raises(DeniedError):
        collectors.all(viewer=NOBODY_SPECIAL)
    with pytest.raises(DeniedError):
        collectors.forget("tls://siem:6514", viewer=NOBODY_SPECIAL)


def test_what_arrived_is_what_was_confirmed(opened: Application, tmp_path: Path) -> None:
    peer, received = Peer(), tmp_path / "received.log"
    with peer.listening() as collector:
        follow(opened, collector)
    received.write_bytes(peer.received)

    found = opened.collectors.compare([received], viewer=AUDITOR, collector=collector.address)

    [state] = opened.collectors.all(viewer=AUDITOR)
    assert found.is_complete
    assert (found.end, found.arrived) == (state.place.head, state.place.seq)
    assert (state.behind, state.since) == (0, None)


def test_what_is_written_later_waits(opened: Application, tmp_path: Path) -> None:
    peer, received = Peer(), tmp_path / "received.log"
    with peer.listening() as collector:
        follow(opened, collector)
    received.write_bytes(peer.received)
    opened.runs.start(opened.accounts.plan_closing(["arge46"], Initiator(actor=AUDITOR))).wait()

    [state] = opened.collectors.all(viewer=AUDITOR)

    assert state.behind > 0
    assert state.since is not None
    assert opened.collectors.compare([received], viewer=AUDITOR, collector=collector.address).is_complete
    [gap] = opened.collectors.compare([received], viewer=AUDITOR).missing
    assert gap.count == state.behind


def test_forgotten_collector_is_sent_everything_again(opened: Application) -> None:
    peer = Peer()
    with peer.listening() as collector:
        follow(opened, collector)
        opened.collectors.forget(collector.address, viewer=AUDITOR)
        follow(opened, collector)

    assert peer.received.count(b'seq="1"') == 2


@pytest.mark.parametrize("address", ["tls://nowhere:6514", ""])
def test_unknown_collector_is_not_forgotten(opened: Application, address: str) -> None:
    with pytest.raises(InputError, match="no entry is confirmed"):
        opened.collectors.forget(address, viewer=AUDITOR)
