"""What a worker answers about its health: for load balancers, orchestrators and monitoring. It has no personal data."""

from __future__ import annotations

from http import HTTPStatus

import attrs

from provisioner.core.api.errors import StoreError
from provisioner.net.http_service import HttpAnswer, HttpCall
from provisioner.services.worker import Worker

#: After how many seconds without a step a worker counts as stuck. A step can be a call of a target with all its
#: retries, or a page of a large table.
STUCK_AFTER = 900.0


@attrs.frozen
class WorkerHealth:
    """Answers requests about a worker, from any thread.

    Args:

        worker: The worker.

        stuck_after: After how many seconds without a step it counts as stuck.
    """

    _worker: Worker
    _stuck_after: float = STUCK_AFTER

    def answer(self, call: HttpCall) -> HttpAnswer:
        """Answer ``/healthz`` and ``/readyz``, and nothing else."""
        if call.path not in {"/healthz", "/readyz"}:
            return HttpAnswer(status=HTTPStatus.NOT_FOUND)
        if call.method != "GET":
            return HttpAnswer(status=HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "GET"})
        return self._alive() if call.path == "/healthz" else self._ready()

    def _alive(self) -> HttpAnswer:
        """Tell whether the loop and each chunk move, and what became of the last runs."""
        seconds = self._worker.stop.seconds_since
        is_alive = seconds <= self._stuck_after
        document = {
            "status": "ok" if is_alive else "stuck",
            "last_step_seconds_ago": round(seconds, 1),
            "routines": {
                routine.value: {"slot": run.slot.isoformat(), "state": run.state.value, "error": run.error or None}
                for routine, run in sorted(self._worker.runs.items())
            },
        }
        return HttpAnswer.of_document(document, HTTPStatus.OK if is_alive else HTTPStatus.SERVICE_UNAVAILABLE)

    def _ready(self) -> HttpAnswer:
        """Tell whether the worker takes slots: it is not stopping, and the store can be read."""
        if self._worker.stop.is_stopping:
            return _not_ready("stopping")
        try:
            self._worker.store.routines.last()
        except StoreError:
            return _not_ready("no store")
        return HttpAnswer.of_document({"status": "ok"})


def _not_ready(status: str) -> HttpAnswer:
    return HttpAnswer.of_document({"status": status}, HTTPStatus.SERVICE_UNAVAILABLE)
