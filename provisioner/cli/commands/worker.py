"""``provisioner worker``: one process that does what timers would otherwise start."""

from __future__ import annotations

import signal
import threading
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import attrs
import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.options import json_option
from provisioner.cli.session import Session
from provisioner.cli.signals import stop_between_steps
from provisioner.cli.stdio import away_from_stdout
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.engine.lease_timer import LeaseTimer
from provisioner.net.http_service import Bounds, HttpService
from provisioner.services.bootstrap import Mode, application
from provisioner.services.chunk_work import AT_ONCE, ChunkWork
from provisioner.services.worker import WatchedStop, Worker, tasks_of
from provisioner.services.worker_health import WorkerHealth

if TYPE_CHECKING:
    from provisioner.config.load import LoadedConfiguration
    from provisioner.services.application import Application
    from provisioner.store import Store

#: What is spent on requests about the health: they are small, and few ask.
_BOUNDS = Bounds(connections=16, patience=10, longest_request=1024, keeps_connections=False)


@click.command("worker")
@click.option("--listen", metavar="HOST:PORT", help="Address for /healthz and /readyz, instead of the configured one.")
@click.option(
    "--concurrency",
    metavar="N",
    type=click.IntRange(1, 256),
    help="Number of operations at the same time. By default, at most 64, depending on the targets.",
)
@json_option
@click.pass_obj
def command(session: Session, *, listen: str | None, concurrency: int | None) -> ExitCode:
    """Run sweeps and due operations until stopped.

    The worker runs 'policy sweep' and 'resume --due' at the times in [worker], and 'reconcile' if times for it are
    configured. Any number of workers can share a store. Each run takes place once. If a worker stops, another one takes
    over.

    When the worker is ready, it prints the URL of its health endpoint. On SIGTERM or SIGINT, it finishes the current
    step of each running operation and exits with code 0. The next worker that runs continues these operations. A second
    signal stops it immediately. It reads the configuration only when it starts.

    If a worker is suspended for more than a minute during operations, SIGALRM ends it before it sends anything.
    Configure the service manager to start it again.
    """
    content = session.configuration.content
    message = session.output.text("stopping between two steps; wait, or send the signal again to end immediately")
    session.set_up_logs()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # what started this process may have had it ignored
    mode = Mode(timer=LeaseTimer(), concurrency=concurrency, distributes=content.worker.distribute)
    with stop_between_steps(message) as stop, session.store() as store:
        watched = WatchedStop(stop)
        mode = attrs.evolve(mode, beside=store)
        worker = Worker(
            store=store,
            open_application=partial(_opened, session.configuration, mode),
            tasks=tasks_of(content, actor=session.actor),
            look_every=timedelta(seconds=content.worker.look_every_seconds),
            stop=watched,
        )
        service = _served(WorkerHealth(worker), listen or content.worker.listen)
        session.output.document({"url": service.url})
        session.output.line(service.url)
        try:
            # For all threads together: each would lead the same number elsewhere.
            with away_from_stdout(), _chunks(session.configuration, mode, store, watched):
                worker.run()
        finally:
            service.stop()
    return ExitCode.DONE


def _opened(config: LoadedConfiguration, mode: Mode, stop: threading.Event) -> AbstractContextManager[Application]:
    return application(config, stop=stop, mode=mode)


def _chunks(config: LoadedConfiguration, mode: Mode, store: Store, stop: WatchedStop) -> AbstractContextManager[None]:
    """Take chunks of operations beside the routines, if workers share operations.

    Raises:

        StoreError: There is no queue.
    """
    if not mode.distributes:
        return nullcontext()
    at_once = min(AT_ONCE, mode.concurrency or AT_ONCE)
    each = mode.concurrency and mode.concurrency // at_once
    of_chunks = attrs.evolve(mode, distributes=False, concurrency=each)
    open_application = partial(_opened, config, of_chunks)
    work = ChunkWork(queue=store.share_operations(), open_application=open_application, stop=stop, at_once=at_once)
    return work.going_on()


def _served(health: WorkerHealth, listen: str) -> HttpService:
    """Answer requests about the health of a worker.

    Raises:

        ConfigurationError: The address can't be used.
    """
    host, _, port = listen.rpartition(":")
    start = partial(HttpService.start, health.answer, name="worker-health", bounds=_BOUNDS)
    try:
        return start(host=host, port=int(port))
    except (OSError, ValueError, OverflowError) as error:
        raise ConfigurationError(
            "cannot answer about the health on {address}: {reason}",
            cure="choose another address with --listen or [worker] listen",
            address=listen,
            reason=error.strerror if isinstance(error, OSError) else str(error),
        ) from None
