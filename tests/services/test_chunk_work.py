"""A worker carries out what it took, and gives back what it could not because it stops."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import pytest

from provisioner.services.application import Application
from provisioner.services.chunk_work import ChunkWork
from provisioner.services.worker import WatchedStop
from provisioner.store.queue.chunks import ChunkQueue
from provisioner.store.queue.consumer import ChunkStopped
from tests.services.test_runs import make_plan


def work_with(app: Application, stop: threading.Event, opened: list[Sequence[str]]) -> ChunkWork:
    @contextmanager
    def open_application(_: threading.Event) -> Iterator[Application]:
        opened.append(())
        yield app

    queue = cast("ChunkQueue", None)
    return ChunkWork(queue=queue, open_application=open_application, stop=WatchedStop(stop))


def test_a_chunk_is_carried_out_and_others_stay_as_they_are(app: Application) -> None:
    first, second = app.engine._write_down(make_plan(app).work)
    ids = [planned.operation.id for planned in (first, second) if not hasattr(planned, "id")]

    work_with(app, threading.Event(), []).carry_out([ids[0], "unknown"])

    states = {one.id: one.state.value for one in app.store.operations.find()}
    assert states == {ids[0]: "done", ids[1]: "planned"}


def test_a_worker_that_stops_opens_nothing_and_gives_the_chunk_back(app: Application) -> None:
    stop, opened = threading.Event(), list[Sequence[str]]()
    stop.set()

    with pytest.raises(ChunkStopped):
        work_with(app, stop, opened).carry_out(["a"])

    assert opened == []
