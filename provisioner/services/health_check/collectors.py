"""Tells which log collectors lack entries of the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from provisioner.config.load import LoadedConfiguration
from provisioner.core.model.text import Text
from provisioner.services.collectors import CollectorState, collector_states
from provisioner.services.health_check.results import CheckResult, warning
from provisioner.services.parts import Clock, open_store

#: How long an entry may wait for a collector before somebody should look at it.
LONGEST_WAIT = timedelta(minutes=15)


def check_collectors(config: LoadedConfiguration, now: Clock) -> Iterator[CheckResult]:
    """Tell how far each collector has the audit log, if there are any."""
    with open_store(config, now) as store:
        for state in collector_states(store):
            late = state.since is not None and now() - state.since > LONGEST_WAIT
            yield _late(state) if late else _in_time(state)


def _in_time(state: CollectorState) -> CheckResult:
    values = {"collector": state.place.collector, "seq": state.place.seq}
    return CheckResult(name="collectors", message=Text("{collector} has the audit log up to entry {seq}", values))


def _late(state: CollectorState) -> CheckResult:
    message = Text.counted(
        "{collector} lacks the last {count} entry of the audit log, since {since}",
        "{collector} lacks the last {count} entries of the audit log, since {since}",
        count=state.behind,
        collector=state.place.collector,
        since=state.since,
    )
    cure = Text(
        "check that 'provisioner audit follow' runs and reaches it; if it is no longer used, run 'provisioner audit "
        "collectors --forget {collector}'",
        {"collector": state.place.collector},
    )
    return warning("collectors", message, cure)
