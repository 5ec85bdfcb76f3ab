"""The kit itself: a target that keeps the contract passes, and each that breaks it in one way fails where it should."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from pathlib import Path

import attrs
import pytest

from provisioner.testing.contract import TargetContract
from provisioner.testing.contract.listing import checks
from provisioner.testing.contract.results import Result, Verdict
from provisioner.testing.contract.running import run
from provisioner.testing.contract.tags import Tag
from provisioner_pys.mock import PysMock
from tests.testing.contract import broken_wire
from tests.testing.contract.broken import BROKEN
from tests.testing.contract.reference import Reference

SUITE = Path(__file__).with_name("suite.py")
WIRE_SUITE = Path(__file__).with_name("suite_wire.py")

#: What checks are made with here, where they are made with many things that differ for real systems only.
ENOUGH: Mapping[str, Container[str]] = {
    "kind": {"Turkish", "beyond the BMP", "NUL", "NUL inside", "64 KB", "blanks around", "SQL pattern"},
    "difference": {"longer", "first 8", "blank after"},
}

#: Likewise for the changes that are made on a system that fails.
ENOUGH_CHANGES = {"create", "rotate"}


@attrs.define(eq=False)
class Provider:
    """A plug-in of pytest that hands the target in, and leaves out what only takes time."""

    make: Callable[[], object]

    @pytest.fixture
    def subject(self) -> object:
        return self.make()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if _is_needed(item)]


@attrs.define(eq=False)
class WireProvider(Provider):
    """The same for the checks that need a network, in front of one system."""

    mock: PysMock

    @pytest.fixture(name="mock")
    def _mock(self) -> PysMock:
        return self.mock

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if _is_needed(item) and "wired" in getattr(item, "fixturenames", ())]


def _is_needed(item: pytest.Item) -> bool:
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    enough = {**ENOUGH, **({"change": ENOUGH_CHANGES} if item.get_closest_marker(Tag.WIRE) else {})}
    return all(value in enough[name] for name, value in parameters.items() if name in enough)


def red(results: Iterable[Result]) -> set[str]:
    return {result.check for result in results if result.verdict is Verdict.FAILED}


def test_a_target_that_keeps_the_contract_passes() -> None:
    results = run(SUITE, Provider(Reference))

    assert red(results) == set()


@pytest.mark.parametrize("broken", BROKEN, ids=lambda cls: cls.__name__)
def test_each_fault_is_noticed_where_it_should_be(broken: type[Reference]) -> None:
    results = run(SUITE, Provider(broken))

    assert red(results) == BROKEN[broken]


@pytest.fixture(name="mock", scope="module")
def _mock() -> Iterator[PysMock]:
    with PysMock.running() as mock:
        yield mock


def test_a_target_that_keeps_the_contract_passes_behind_a_bad_network(mock: PysMock) -> None:
    results = run(WIRE_SUITE, WireProvider(lambda: broken_wire.Wired, mock))

    assert red(results) == set()


@pytest.mark.parametrize("broken", broken_wire.BROKEN, ids=lambda cls: cls.__name__)
def test_each_fault_behind_a_bad_network_is_noticed_where_it_should_be(
    mock: PysMock, broken: type[broken_wire.Wired]
) -> None:
    results = run(WIRE_SUITE, WireProvider(lambda: broken, mock))

    assert red(results) == broken_wire.BROKEN[broken]


def test_every_check_is_shown_to_fail_once() -> None:
    noticed = set().union(*BROKEN.values(), *broken_wire.BROKEN.values())

    assert {check.name for check in checks(TargetContract)} == noticed
