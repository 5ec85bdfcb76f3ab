"""``provisioner worker``: one process that does what timers would otherwise start."""

from __future__ import annotations

import signal
from datetime import timedelta
from functools import partial

import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.options import json_option
from provisioner.cli.session import Session
from provisioner.cli.signals import stop_between_steps
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.engine.lease_timer import LeaseTimer
from provisioner.net.http_service import Bounds, HttpService
from provisioner.services.worker import WatchedStop, Worker, tasks_of
from provisioner.services.worker_health import WorkerHealth

#: What is spent on requests about the health: they are small, and few ask.
_BOUNDS = Bounds(connections=16, patience=10, longest_request=1024, keeps_connections=False)


@click.command("worker")
@click.option("--listen", metavar="HOST:PORT", help="Address for /healthz and /readyz, instead of the configured one.")
@json_option
@click.pass_obj
def command(session: Session, *, listen: str | None) -> ExitCode:
    """Run sweeps and due operations until stopped.

    The worker runs 'policy sweep' and 'resume --due' at the times in [worker], and 'reconcile' if times for it are
    configured. Any number of workers can share a store. Each run takes place once. If a worker stops, another one takes
    over.

    When the worker is ready, it prints the URL of its health endpoint. On SIGTERM or SIGINT, it finishes the current
    step of each running operation and exits with code 0. The next worker that runs continues these operations. A second
    signal stops it immediately. It reads the configuration only when it starts.

    A worker that was suspended for more than a minute during operations is ended by SIGALRM before it sends anything.
    The service manager should start it again.
    """
    content = session.configuration.content
    message = session.output.text("stopping between two steps; wait, or send the signal again to end immediately")
    session.set_up_logs()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # what started this process may have had it ignored
    timer = LeaseTimer()
    with stop_between_steps(message) as stop, session.store() as store:
        worker = Worker(
            store=store,
            open_application=lambda watched: session.application(stop=watched, timer=timer),
            tasks=tasks_of(content, actor=session.actor),
            look_every=timedelta(seconds=content.worker.look_every_seconds),
            stop=WatchedStop(stop),
        )
        service = _served(WorkerHealth(worker), listen or content.worker.listen)
        session.output.document({"url": service.url})
        session.output.line(service.url)
        try:
            worker.run()
        finally:
            service.stop()
    return ExitCode.DONE


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
