"""The kit itself: what keeps the contract passes, and what breaks it in one way fails exactly where it should."""

from __future__ import annotations

import threading
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from pathlib import Path

import attrs
import pytest

from provisioner.testing.contract import ChannelContract, TargetContract
from provisioner.testing.contract.listing import checks
from provisioner.testing.contract.results import Verdict
from provisioner.testing.contract.running import run
from provisioner.testing.contract.tags import Tag
from provisioner_pys.mock import PysMock
from provisioner_sms.simulator import SmsSimulator
from tests.testing.contract import broken, broken_channels, broken_wire, broken_wire_channels
from tests.testing.contract.reference import Reference

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parent

#: What checks are made with here, where they are made with many things that differ for real systems only.
ENOUGH: Mapping[str, Container[str]] = {
    "kind": {"Turkish", "beyond the BMP", "NUL", "NUL inside", "64 KB", "blanks around", "SQL pattern", "query"},
    "difference": {"longer", "first 8", "blank after"},
}

#: Likewise for the changes that are made on a system that fails.
ENOUGH_CHANGES = {"create", "rotate"}


@attrs.frozen
class Bench:
    """A suite, what keeps it, and what breaks it, with the checks that notice."""

    suite: str
    sound: type
    broken: Mapping[type, Collection[str]]
    #: Whether it takes a network, and so those checks only that do.
    network: bool = False

    def trials(self) -> Iterator[tuple[Bench, type, Collection[str]]]:
        """Yield what is tried, with what must turn red."""
        for cls, expected in {self.sound: (), **self.broken}.items():
            yield self, cls, expected


BENCHES: Mapping[type, Sequence[Bench]] = {
    TargetContract: (
        Bench("suite.py", Reference, broken.BROKEN),
        Bench("suite_wire.py", broken_wire.Wired, broken_wire.BROKEN, network=True),
    ),
    ChannelContract: (
        Bench("suite_channel.py", broken_channels.ReferenceChannel, broken_channels.BROKEN),
        Bench("suite_wire_channel.py", broken_wire_channels.Wired, broken_wire_channels.BROKEN, network=True),
    ),
}

TRIALS = [trial for benches in BENCHES.values() for bench in benches for trial in bench.trials()]


@attrs.frozen(eq=False)
class Provider:
    """A plug-in of pytest that hands in what is tried, and leaves out what only takes time."""

    tried: type
    #: Whether it is made by the suite, which has a network for it.
    network: bool
    pys: PysMock
    sms: SmsSimulator

    @pytest.fixture
    def subject(self) -> object:
        return self.tried if self.network else self.tried()

    @pytest.fixture
    def mock(self) -> PysMock:
        return self.pys

    @pytest.fixture
    def simulator(self) -> SmsSimulator:
        return self.sms

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if self._is_needed(item)]

    def _is_needed(self, item: pytest.Item) -> bool:
        parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        enough = {**ENOUGH, **({"change": ENOUGH_CHANGES} if item.get_closest_marker(Tag.WIRE) else {})}
        fits = not self.network or "wired" in getattr(item, "fixturenames", ())
        only = getattr(self.tried, "only", ())
        if only and getattr(item, "originalname", item.name).removeprefix("test_") not in only:
            return False
        return fits and all(value in enough[name] for name, value in parameters.items() if name in enough)


@pytest.fixture(name="pys", scope="module")
def _pys() -> Iterator[PysMock]:
    with PysMock.running() as mock:
        yield mock


@pytest.fixture(name="sms", scope="module")
def _sms() -> Iterator[SmsSimulator]:
    with SmsSimulator.running() as simulator:
        yield simulator


@pytest.mark.parametrize(
    ("bench", "tried", "expected"), TRIALS, ids=[f"{bench.suite}-{cls.__name__}" for bench, cls, _ in TRIALS]
)
def test_what_is_broken_is_noticed_where_it_should_be(
    bench: Bench, tried: type, expected: Collection[str], pys: PysMock, sms: SmsSimulator
) -> None:
    results = run(FOLDER / bench.suite, Provider(tried, bench.network, pys, sms))
    _let_go(tried)

    assert {result.check for result in results if result.verdict is Verdict.FAILED} == set(expected)


def _let_go(tried: type) -> None:
    """End what was left behind on purpose."""
    for one in getattr(tried, "open", ()):
        one.close()
    getattr(tried, "stop", threading.Event()).set()


@pytest.mark.parametrize("contract", BENCHES)
def test_every_check_is_shown_to_fail_once(contract: type) -> None:
    noticed = {check for bench in BENCHES[contract] for expected in bench.broken.values() for check in expected}

    assert {check.name for check in checks(contract)} == noticed
