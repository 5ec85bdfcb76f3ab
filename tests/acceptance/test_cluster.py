"""Several workers share a run. Whatever is killed or cut, each account gets one password that works.

``CLUSTER_ACCOUNTS=2000`` makes the runs longer; see CONTRIBUTING.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest

from provisioner.store.queue import chunks
from provisioner.testing.proxy import WireFault
from provisioner.testing.slapd import Slapd
from tests.acceptance import quick_worker
from tests.acceptance.cluster import ACCOUNTS, STOPPED, Cluster, Workers
from tests.acceptance.namespaces import is_possible
from tests.postgresql_stores import StoreServer

pytestmark = [pytest.mark.slow, pytest.mark.server("slapd"), pytest.mark.server("postgresql")]

WORKERS = 4

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


def test_workers_that_are_killed_and_suspended_every_second_lose_nothing(cluster: Cluster) -> None:
    print(f"seed {SEED}")
    numbers = random.Random(SEED)  # noqa: S311 - to be repeatable
    begun = time.monotonic()
    with Workers.running(cluster.folder, WORKERS) as workers, cluster.rotation():
        cluster.wait_for_work()
        workers.kill(cluster.at_work())  # on a busy machine, all can be done before the first one is hit
        cluster.wait(workers, numbers=numbers)
        codes = workers.stop()
    print(f"{time.monotonic() - begun:.0f} s")
    found = cluster.inspect_after(workers)

    found.require_soundness(ACCOUNTS)
    assert set(codes) <= STOPPED, workers.output()
    assert set(found.tries) - {1}, "nothing was interrupted"


def test_workers_go_on_after_the_database_was_killed(cluster: Cluster) -> None:
    with Workers.running(cluster.folder, WORKERS) as workers, cluster.rotation():
        cluster.wait_for_work()
        cluster.server.crash()
        cluster.server.start()
        cluster.wait(workers)
        codes = workers.stop()
    found = cluster.inspect_after(workers)

    found.require_soundness(ACCOUNTS)
    assert set(codes) <= STOPPED, workers.output()


@pytest.mark.skipif(is_possible(), reason="test_cluster_network.py cuts a real network")
def test_workers_go_on_after_their_connections_to_the_database_were_cut(cluster: Cluster) -> None:
    """Nothing is closed at first, so they don't know that their leases are not renewed."""
    with Workers.running(cluster.folder, WORKERS) as workers, cluster.rotation():
        cluster.wait_for_work()
        cluster.wire.fail(WireFault.BLACK_HOLE)
        time.sleep(2 * quick_worker.TTL)
        cluster.wire.heal()
        cluster.wait(workers)
        codes = workers.stop()
    found = cluster.inspect_after(workers)

    found.require_soundness(ACCOUNTS)
    assert set(codes) <= STOPPED, workers.output()
