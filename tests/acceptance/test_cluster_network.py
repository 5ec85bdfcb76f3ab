"""Workers lose the network to the database, and still reach the targets: the most dangerous place for a stale write."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Self

import attrs
import pytest

from provisioner.store.queue import chunks
from provisioner.testing.proxy import TcpProxy, WireFault
from provisioner.testing.slapd import Slapd
from tests.acceptance import quick_worker
from tests.acceptance.cluster import ACCOUNTS, STOPPED, Cluster, Workers
from tests.acceptance.namespaces import NetworkNamespace, is_possible
from tests.postgresql_stores import StoreServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server("slapd"),
    pytest.mark.server("postgresql"),
    pytest.mark.skipif(not is_possible() and "CI" not in os.environ, reason="only root can make network namespaces"),
]

#: The configuration of workers inside the namespace.
CONFIG = "inside.toml"


@attrs.define(eq=False, kw_only=True)
class ReachableServer(StoreServer):
    """A server that also listens at the end of the cable."""

    namespace: NetworkNamespace

    def _prepare(self) -> None:
        super()._prepare()
        with (self.folder / "data/postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(f"listen_addresses = '127.0.0.1, {self.namespace.outside}'\n")
        with (self.folder / "data/pg_hba.conf").open("a", encoding="utf-8") as file:
            file.write(f"host all all {self.namespace.inside}/32 scram-sha-256\n")


@attrs.define(eq=False, kw_only=True)
class InnerDoor(TcpProxy):
    """A way out of the namespace that is not the cable, to a server on loopback: it has the same port inside."""

    namespace: NetworkNamespace

    def __enter__(self) -> Self:
        self.port = self.upstream[1]
        self._listen()
        return self

    def _open(self) -> socket.socket:
        return self.namespace.listener(self.port)


@attrs.frozen
class Site:
    """A cluster, and a namespace in which workers run."""

    cluster: Cluster
    namespace: NetworkNamespace

    @property
    def prefix(self) -> Sequence[str]:
        return self.namespace.prefix


@pytest.fixture(name="site", scope="module")
def _site(tmp_path_factory: pytest.TempPathFactory, directory: Slapd) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("cluster")
    with ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setattr(chunks, "CHUNK", quick_worker.CHUNK)
        namespace = stack.enter_context(NetworkNamespace.made())
        server = stack.enter_context(ReachableServer(namespace=namespace))
        cluster = stack.enter_context(Cluster.with_accounts(folder, server, directory, ACCOUNTS))
        outside = (folder / "provisioner.toml").read_text(encoding="utf-8")
        inside = outside.replace(f"@127.0.0.1:{cluster.wire.port}/", f"@{namespace.outside}:{server.port}/")
        assert inside != outside
        (folder / CONFIG).write_text(inside, encoding="utf-8")
        for port in (cluster.road.port, int(cluster.phones.url.rpartition(":")[2])):
            stack.enter_context(InnerDoor(upstream=("127.0.0.1", port), namespace=namespace))
        cluster.road.fail(WireFault.DELAY)
        yield Site(cluster, namespace)


def test_workers_go_on_after_their_network_was_cut_for_some_seconds(site: Site) -> None:
    cluster = site.cluster
    with (
        Workers.running(cluster.folder, 4, config=CONFIG, prefix=site.prefix) as workers,
        cluster.rotation(),
    ):
        cluster.wait_for_work()
        site.namespace.cut()
        time.sleep(2 * quick_worker.TTL)
        site.namespace.heal()
        cluster.wait(workers)
        codes = workers.stop()
    found = cluster.inspect_after(workers)

    found.require_soundness(ACCOUNTS)
    assert set(codes) <= STOPPED, workers.output()


def test_others_take_over_while_the_network_stays_cut_and_nothing_stale_is_written_when_it_is_back(site: Site) -> None:
    cluster = site.cluster
    with (
        Workers.running(cluster.folder, 2, config=CONFIG, prefix=site.prefix) as inside,
        cluster.rotation(),
    ):
        cluster.wait_for_work()
        site.namespace.cut()
        under_way = cluster.leases()
        with Workers.running(cluster.folder, 2) as outside:
            cluster.wait(outside)
            while_cut = cluster.inspect()
            passwords = cluster.messages()
            site.namespace.heal()
            inside.supervise()
            codes = inside.stop() + outside.stop()
    found = cluster.inspect_after(inside)

    while_cut.require_soundness(ACCOUNTS)
    found.require_soundness(ACCOUNTS)
    assert cluster.messages() == passwords, "a worker that had lost its leases has sent a password"
    # On a busy machine, all can be done before the network is cut.
    assert inside.happened[f"ended with {-signal.SIGALRM}"] or not under_way, "a worker kept leases that it lost"
    assert set(codes) <= STOPPED, inside.output() + outside.output()
