from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import attrs
import pytest

from provisioner.core.api.errors import MisconfiguredError, RefusedError, UnavailableError
from provisioner_ldap.pool import Pool, Servers


@attrs.define(eq=False)
class Line:
    """A connection to nowhere."""

    server: str
    usable: bool = True
    idle: bool = True
    closed: bool = False

    def is_idle(self) -> bool:
        return self.idle

    def close(self) -> None:
        self.closed = True


class Network:
    """Servers that are up or down, and the connections made to them."""

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.asked: list[str] = []
        self.lines: list[Line] = []
        self.now = 0.0

    def connect(self, url: str) -> Line:
        self.asked.append(url)
        if url in self.down:
            raise UnavailableError("{url} is down", url=url)
        self.lines.append(Line(url))
        return self.lines[-1]

    def clock(self) -> float:
        return self.now


@pytest.fixture(name="network")
def _network() -> Network:
    return Network()


@pytest.fixture(name="servers")
def _servers(network: Network) -> Servers[Line]:
    return Servers(urls=["a", "b"], connect=network.connect, rest=10.0, clock=network.clock)


@pytest.fixture(name="pool")
def _pool(network: Network, servers: Servers[Line]) -> Pool[Line]:
    return Pool(servers=servers, size=2, patience=0.05, max_age=100.0, clock=network.clock)


class TestServers:
    def test_the_first_one_is_preferred(self, servers: Servers[Line]) -> None:
        assert servers.open().server == "a"

    def test_the_next_one_takes_over(self, servers: Servers[Line], network: Network) -> None:
        network.down = {"a"}

        assert servers.open().server == "b"

    def test_one_that_is_down_is_not_asked_each_time(self, servers: Servers[Line], network: Network) -> None:
        network.down = {"a"}
        servers.open()
        servers.open()

        assert network.asked == ["a", "b", "b"]

    def test_it_gets_its_turn_again(self, servers: Servers[Line], network: Network) -> None:
        network.down = {"a"}
        servers.open()
        network.down = set()
        network.now = 10.0

        assert servers.open().server == "a"

    def test_those_passed_over_are_asked_when_nothing_else_is_left(
        self, servers: Servers[Line], network: Network
    ) -> None:
        network.down = {"a", "b"}
        with pytest.raises(UnavailableError):
            servers.open()
        network.down = {"b"}

        assert servers.open().server == "a"

    def test_wrong_credentials_are_not_tried_on_the_next_one(self, network: Network) -> None:
        def refuse(url: str) -> Line:
            network.asked.append(url)
            raise MisconfiguredError("wrong password")

        with pytest.raises(MisconfiguredError):
            Servers(urls=["a", "b"], connect=refuse).open()

        assert network.asked == ["a"]


class Swallowing:
    """A network whose first server answers nothing until its time limit has passed."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.asked_first, self.asked_again, self.time_is_up = threading.Event(), threading.Event(), threading.Event()

    def connect(self, url: str) -> Line:
        self.asked.append(url)
        if url == "b":
            return Line(url)
        (self.asked_again if self.asked_first.is_set() else self.asked_first).set()
        self.time_is_up.wait()
        raise UnavailableError("{url} does not answer", url=url)


class TestServerThatSwallowsRequests:
    """It costs one time limit, and not one for each thread."""

    @pytest.fixture(name="swallowing")
    def _swallowing(self) -> Swallowing:
        return Swallowing()

    def test_is_asked_by_one_thread_at_the_beginning(self, swallowing: Swallowing) -> None:
        servers = Servers(urls=["a", "b"], connect=swallowing.connect, rest=10.0, clock=lambda: 0.0)
        with ThreadPoolExecutor(3) as threads:
            opened = [threads.submit(servers.open)]
            swallowing.asked_first.wait()
            opened += [threads.submit(servers.open) for _ in range(2)]
            swallowing.asked_again.wait(0.2)  # nobody does
            swallowing.time_is_up.set()

        assert [one.result().server for one in opened] == ["b", "b", "b"]
        assert swallowing.asked.count("a") == 1

    def test_is_asked_by_one_thread_when_its_rest_is_over(self, swallowing: Swallowing) -> None:
        servers = Servers(urls=["a", "b"], connect=swallowing.connect, rest=10.0, clock=lambda: 20.0)
        servers.unreached["a"] = 10.0
        with ThreadPoolExecutor(2) as threads:
            finding_out = threads.submit(servers.open)
            swallowing.asked_first.wait()
            other = threads.submit(servers.open)
            try:
                found = other.result(timeout=30)
            finally:
                swallowing.time_is_up.set()

        assert (finding_out.result().server, found.server) == ("b", "b")
        assert swallowing.asked == ["a", "b", "b"]


class TestPool:
    def test_a_connection_is_used_again(self, pool: Pool[Line], network: Network) -> None:
        for _ in range(3):
            with pool.lend():
                pass

        assert network.asked == ["a"]

    def test_two_threads_never_share_one(self, pool: Pool[Line]) -> None:
        with pool.lend() as first, pool.lend() as second:
            assert first is not second

    def test_there_are_never_more_than_allowed(self, pool: Pool[Line], network: Network) -> None:
        with pool.lend(), pool.lend(), pytest.raises(UnavailableError, match="in use: 2"), pool.lend():
            pass

        assert len(network.lines) == 2

    def test_a_failed_attempt_to_connect_does_not_use_up_a_place(self, pool: Pool[Line], network: Network) -> None:
        network.down = {"a", "b"}
        for _ in range(3):
            with pytest.raises(UnavailableError, match="down"), pool.lend():
                pass

    def test_one_that_was_hung_up_is_replaced_before_it_is_used(self, pool: Pool[Line], network: Network) -> None:
        with pool.lend() as line:
            line.idle = False

        with pool.lend() as fresh:
            assert fresh is not line
        assert line.closed

    def test_an_old_one_is_replaced(self, pool: Pool[Line], network: Network) -> None:
        with pool.lend() as line:
            pass
        network.now = 100.0

        with pool.lend() as fresh:
            assert fresh is not line
        assert line.closed

    def test_a_lost_answer_closes_all_idle_ones_to_that_server(self, pool: Pool[Line], network: Network) -> None:
        """They would fail as well, one timeout after the other."""
        with pool.lend() as first, pool.lend():
            pass
        with pool.lend() as line:
            line.usable = False

        assert all(line.closed for line in network.lines)
        with pool.lend() as fresh:
            assert fresh.server == "b"
        assert first.closed

    def test_a_refusal_keeps_the_connection(self, pool: Pool[Line], network: Network) -> None:
        with pytest.raises(RefusedError), pool.lend():
            raise RefusedError("no")

        with pool.lend():
            pass
        assert len(network.lines) == 1

    def test_an_interrupt_closes_it(self, pool: Pool[Line], network: Network) -> None:
        """An answer may still be under way, and would be taken for that of the next request."""
        with pytest.raises(KeyboardInterrupt), pool.lend():
            raise KeyboardInterrupt

        assert network.lines[0].closed

    def test_closing_reaches_those_that_are_lent(self, pool: Pool[Line], network: Network) -> None:
        with pool.lend():
            pool.close()
            assert not network.lines[0].closed

        assert network.lines[0].closed

    def test_many_threads_share_few_connections(self, network: Network, servers: Servers[Line]) -> None:
        pool = Pool(servers=servers, size=3, patience=10.0)
        busy: set[Line] = set()
        lock = threading.Lock()

        def work(_: int) -> None:
            with pool.lend() as line:
                with lock:
                    assert line not in busy
                    busy.add(line)
                with lock:
                    busy.remove(line)

        with ThreadPoolExecutor(12) as threads:
            list(threads.map(work, range(500)))

        assert len(network.lines) <= 3
