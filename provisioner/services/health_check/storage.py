"""Checks the store, the clock and the operations that have not ended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.errors import ProvisionerError, StoreError
from provisioner.core.engine.clock import KnownTimes
from provisioner.core.model import OperationState
from provisioner.core.model.text import Text
from provisioner.services.health_check.results import CheckResult, CheckStatus, problem
from provisioner.services.parts import Clock, open_store
from provisioner.store.db.schema import REVISION


def check_store(config: LoadedConfiguration, now: Clock) -> Iterator[CheckResult]:
    """Check the store, and the clock and the operations by what it knows."""
    try:
        with open_store(config, now) as store:
            store.require_own_sessions()
            store.require_writable()
            lost, head_file = store.lost_tail(), store.head_file
            known = store.clock.known_times()
    except ProvisionerError as error:
        yield problem("store", error)
        return
    yield CheckResult(name="store", message=Text("version {version}, can be written", {"version": REVISION}))
    if lost:
        yield _restored(lost.seq, head_file)
    yield _clock(known, now())
    yield from _operations(config, now())
    if config.content.worker.distribute:
        yield _queue(config)


def _operations(config: LoadedConfiguration, now: datetime) -> Iterator[CheckResult]:
    """Count the operations that have not ended. Those on which a process works need nobody's attention."""
    with open_store(config) as store:
        found = store.operations.count_unended()
        if not found:
            return
        counts = {state.value: found.get(state, 0) for state in OperationState}
        message = Text("{incomplete} incomplete, {planned} planned, {running} running, {staged} held", counts)
        if found.keys() - {OperationState.RUNNING} or any(store.operations.resumable(now)):
            cure = Text("see 'provisioner operation list', then run 'provisioner resume'")
            yield CheckResult(name="operations", status=CheckStatus.WARNING, message=message, cure=cure)
        else:
            yield CheckResult(name="operations", message=message)


def _queue(config: LoadedConfiguration) -> CheckResult:
    """Check that the workers have a queue, and that somebody takes from it what is there."""
    try:
        with open_store(config) as store:
            queue = store.queue()
            queue.require()
            depth = queue.depth()
    except StoreError as error:
        return problem("queue", error)
    counts = {"waiting": depth.waiting, "taken": depth.taken, "workers": depth.workers}
    if not depth.workers and depth.waiting + depth.taken:
        return CheckResult(
            name="queue",
            status=CheckStatus.WARNING,
            message=Text("no worker runs; chunks of operations: {waiting} waiting, {taken} taken", counts),
            cure=Text("start 'provisioner worker'"),
        )
    message = Text("workers: {workers}; chunks of operations: {waiting} waiting, {taken} taken", counts)
    return CheckResult(name="queue", message=message)


def _restored(seq: int, head_file: Path) -> CheckResult:
    return CheckResult(
        name="store",
        status=CheckStatus.PROBLEM,
        message=Text(
            "the store is older than event {seq} of the audit log, for example because a backup was "
            "restored; passwords and states of accounts may differ from the store",
            {"seq": seq},
        ),
        cure=Text(
            "rotate the accounts that may have changed since then with 'provisioner account rotate', then "
            "remove {file}",
            {"file": head_file},
        ),
    )


def _clock(known: KnownTimes | None, now: datetime) -> CheckResult:
    """Compare the clock with what the store remembers."""
    if known and (error := known.objection(now)):
        return problem("clock", error)
    if known and known.has_future(now):
        return CheckResult(
            name="clock",
            status=CheckStatus.WARNING,
            message=Text("the clock was ahead: times up to {time} are stored", {"time": known.latest_at}),
            cure=Text("the next sweep corrects them; run 'provisioner policy sweep'"),
        )
    ahead = (known.latest_at - now).total_seconds() if known else 0
    if ahead > 0:
        return CheckResult(
            name="clock",
            status=CheckStatus.WARNING,
            message=Text.counted(
                "the clock is {count} second behind the last operation",
                "the clock is {count} seconds behind the last operation",
                count=round(ahead),
            ),
            cure=Text("set the clock, and keep it right by NTP"),
        )
    return CheckResult(name="clock", message=Text("{time}", {"time": now}))
