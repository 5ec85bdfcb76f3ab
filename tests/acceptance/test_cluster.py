"""Several workers share a run. Whatever is killed or cut, each account gets one password that works."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator

import pytest

from provisioner.store.queue import chunks
from provisioner.testing.proxy import WireFault
from provisioner.testing.slapd import Slapd
from tests.acceptance import quick_worker
from tests.acceptance.cluster import Cluster, Workers
from tests.postgresql_stores import StoreServer

pytestmark = [pytest.mark.slow, pytest.mark.server("slapd"), pytest.mark.server("postgresql")]

ACCOUNTS, WORKERS = 200, 4

#: How often a worker is killed or suspended, and the time between two of these.
HITS, PAUSE = 12, 1.0

#: How a worker ends that is asked to. One that was suspended just before ends by its timer.
STOPPED = {0, -signal.SIGALRM}

#: The random numbers of one run of the test can be had again.
SEED = random.SystemRandom().randrange(10**6)


@pytest.fixture(name="cluster", scope="module")
def _cluster(
    tmp_path_factory: pytest.TempPathFactory, store_server: StoreServer, directory: Slapd
) -> Iterator[Cluster]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "CHUNK", quick_worker.CHUNK)
        with Cluster.with_accounts(tmp_path_factory.mktemp("cluster"), store_server, directory, ACCOUNTS) as cluster:
            yield cluster


@pytest.fixture(name="slow_road", autouse=True)
def _slow_road(cluster: Cluster) -> Iterator[None]:
    """Let each request to the directory take some time, so that something is always under way."""
    cluster.road.fail(WireFault.DELAY)
    yield
    cluster.road.heal()


def test_workers_that_are_killed_and_suspended_lose_nothing(cluster: Cluster) -> None:
    print(f"seed {SEED}")
    numbers = random.Random(SEED)  # noqa: S311 - to be repeatable
    before = cluster.tries()
    with Workers.running(cluster.folder, WORKERS) as workers, cluster.rotation():
        cluster.wait_for_work()
        for _ in range(HITS):
            time.sleep(PAUSE)
            workers.hit(numbers)
            workers.supervise()
        workers.relieve()
        cluster.wait(workers)
        codes = workers.stop()
    print(workers.happened, cluster.tries() - before)

    assert cluster.problems() == []
    assert set(codes) <= STOPPED, workers.output()
    assert set(cluster.tries() - before) - {1}, "nothing was interrupted"


def test_workers_go_on_after_the_database_was_killed(cluster: Cluster) -> None:
    with Workers.running(cluster.folder, WORKERS) as workers, cluster.rotation():
        cluster.wait_for_work()
        cluster.server.crash()
        cluster.server.start()
        cluster.wait(workers)
        codes = workers.stop()

    assert cluster.problems() == []
    assert set(codes) <= STOPPED, workers.output()


def test_workers_go_on_after_their_connections_to_the_database_were_cut(cluster: Cluster) -> None:
    """Nothing is closed at first, so they don't know that their leases are not renewed."""
    with Workers.running(cluster.folder, WORKERS) as workers, cluster.rotation():
        cluster.wait_for_work()
        cluster.wire.fail(WireFault.BLACK_HOLE)
        time.sleep(2 * quick_worker.TTL)
        cluster.wire.heal()
        cluster.wait(workers)
        codes = workers.stop()
    print(workers.happened)

    assert cluster.problems() == []
    assert set(codes) <= STOPPED, workers.output()
