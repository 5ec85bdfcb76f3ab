"""Writes what the store knows as metrics, for the textfile collector of Prometheus's node_exporter.

The product is no daemon: each command ends, and all it knows is in the store. So a timer writes a file, which
node_exporter serves with those of the machine, and no port is opened for it. No label names an account or a person.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import attrs

from provisioner import files
from provisioner.core.api.errors import ConfigurationError, InputError, Problem
from provisioner.core.model import AccountState, MessageState, OperationKind, OperationState
from provisioner.core.model.text import Text
from provisioner.services.status import Routine, Status
from provisioner.services.targets import Condition
from provisioner.store import Store

if TYPE_CHECKING:
    from prometheus_client import Metric

WordT = TypeVar("WordT", bound=StrEnum)

#: node_exporter runs as another user; what it reads names nobody.
_MODE = 0o644


@attrs.frozen(kw_only=True)
class Figures:
    """What metrics are made of."""

    status: Status
    #: All operations by kind and state, those that have ended included.
    operations: Mapping[tuple[OperationKind, OperationState], int]
    #: All messages with passwords by state.
    deliveries: Mapping[MessageState, int]


def figures_of(status: Status, store: Store) -> Figures:
    """Return what metrics are made of. It counts all operations and all messages.

    Raises:

        StoreError: The store cannot be read.
    """
    return Figures(status=status, operations=store.operations.count_kinds(), deliveries=store.deliveries.count())


def exposition(figures: Figures) -> str:
    """Return metrics in the text format of Prometheus.

    Raises:

        ConfigurationError: The extra ``metrics`` is not installed.
    """
    if not find_spec("prometheus_client"):
        raise ConfigurationError(
            "metrics need the library prometheus-client", cure="pip install 'unit-provisioner[metrics]'"
        )
    from prometheus_client import CollectorRegistry, generate_latest

    class FiguresCollector:
        def collect(self) -> Iterator[Metric]:
            return _metrics(figures)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(FiguresCollector())
    return generate_latest(registry).decode()


def write_metrics(file: Path, text: str) -> None:
    """Write metrics to a file that everybody may read. A reader finds the former content or this one.

    Raises:

        InputError: It cannot be written.
    """
    try:
        with files.replacing(file) as stream:
            stream.write(text)
            os.fchmod(stream.fileno(), _MODE)
    except OSError as error:
        message = Text("it cannot be written: {reason}", {"reason": error.strerror})
        raise InputError([Problem(file=str(file), field="file", message=message)]) from None


def _metrics(figures: Figures) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily

    status = figures.status
    yield _by_word("accounts", "Accounts in the store.", AccountState, status.accounts)
    yield _value("accounts_due", "Accounts with a deadline that has come.", status.due)
    yield _value("accounts_overdue", "Accounts that have been due for more than a day.", status.overdue)
    unended = [state for state in OperationState if not state.ended]
    yield _by_word("operations_unfinished", "Operations that have not ended.", unended, status.operations)
    yield _time("operations_oldest", "When the oldest operation that has not ended was planned.", status.oldest)
    ended = CounterMetricFamily("provisioner_operations", "Operations that have ended.", labels=["kind", "outcome"])
    for kind in OperationKind:
        for state in OperationState:
            if state.ended:
                ended.add_metric([kind.value, state.value], figures.operations.get((kind, state), 0))
    yield ended
    yield _by_word("deliveries", "Messages with passwords in the store.", MessageState, figures.deliveries)
    yield _value("deliveries_open", "Messages of which a report is awaited.", status.open_deliveries)
    yield _value("deliveries_overdue", "Messages without a report after their deadline.", status.overdue_deliveries)
    yield _value(
        "accounts_undelivered", "Open accounts whose last password was not reported as delivered.", status.undelivered
    )
    yield _value("held_runs", "Runs that the mass-change limit holds.", status.held_runs)
    yield _systems(status)
    yield from _comparisons(status)
    for routine in Routine:
        run = status.routines.get(routine)
        name, documentation = f"{routine.value}_last", f"When a {routine.value} last came to its end."
        yield _time(name, documentation, run.ended_at if run else None)
    yield _value("store_outdated", "Whether the store lacks its last changes.", int(status.is_outdated))


def _systems(status: Status) -> Metric:
    """Return, for each target and channel, 1 for the state in which it is, and 0 for the others."""
    from prometheus_client.core import GaugeMetricFamily

    labels = ["system", "kind", "state"]
    family = GaugeMetricFamily("provisioner_system_state", "Whether a target or channel is in a state.", labels=labels)
    for system in status.systems:
        for condition in Condition:
            values = [system.name, system.kind.value, condition.value]
            family.add_metric(values, int(system.condition is condition))
    return family


def _comparisons(status: Status) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    counts = GaugeMetricFamily(
        "provisioner_reconcile_differences", "Differences that the last comparison found.", labels=["target"]
    )
    complete = GaugeMetricFamily(
        "provisioner_reconcile_complete", "Whether the last comparison was complete.", labels=["target"]
    )
    times = GaugeMetricFamily(
        "provisioner_reconcile_last_timestamp_seconds", "When the last comparison ended.", labels=["target"]
    )
    for last in status.comparisons:
        counts.add_metric([last.target], last.total)
        complete.add_metric([last.target], int(last.error is None))
        times.add_metric([last.target], last.ended_at.timestamp())
    yield from (counts, complete, times)


def _value(name: str, documentation: str, value: float) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(f"provisioner_{name}", documentation, value=value)


def _time(name: str, documentation: str, time: datetime | None) -> Metric:
    """Return a time; nothing if there is none, because 0 would be a time, too."""
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(f"provisioner_{name}_timestamp_seconds", documentation)
    if time:
        family.add_metric([], time.timestamp())
    return family


def _by_word(name: str, documentation: str, words: Iterable[WordT], counts: Mapping[WordT, int]) -> Metric:
    """Return how many there are in each state, also in those in which there are none."""
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(f"provisioner_{name}", documentation, labels=["state"])
    for word in words:
        family.add_metric([word.value], counts.get(word, 0))
    return family
