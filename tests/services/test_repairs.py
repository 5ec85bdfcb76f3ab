"""After a repair and the renewals that are due, targets are what they should be, and nobody lost a password."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from provisioner.config.settings import EntitlementSettings
from provisioner.core.api.errors import DeniedError
from provisioner.core.model import OperationState, Person, Unit
from provisioner.core.model.mass_change import MassChangeLimit
from provisioner.core.reconcile.differences import Difference
from provisioner.testing.clock import FakeClock
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

COUNT = 12
PEOPLE = [Person(id=str(n), name=f"Kişi {n}", mobile=f"+9053200000{n:02}") for n in range(COUNT)]
UNITS = [
    Unit(code=f"u{n}", name=f"Birim {n}", kind="office", login=f"birim{n}", custodian=str(n)) for n in range(COUNT)
]


@attrs.define(eq=False)
class Site:
    """Twelve accounts on two targets, and a hidden hand."""

    folder: Path
    posta: MemoryTarget = attrs.field(factory=MemoryTarget)
    wiki: MemoryTarget = attrs.field(factory=MemoryTarget)
    phones: MemoryChannel = attrs.field(factory=MemoryChannel)
    clock: FakeClock = attrs.field(factory=FakeClock)

    def start(self, **options: object) -> Harness:
        return Harness(
            self.folder / "store.sqlite",
            targets={"posta": self.posta, "wiki": self.wiki},
            channels={"sms": self.phones},
            clock=self.clock,
            **options,  # type: ignore[arg-type]
        )

    def password(self, number: int) -> str:
        return self.phones.inbox(PEOPLE[number].mobile or "")[-1].password

    def change(self, target: MemoryTarget, login: str, **changes: object) -> None:
        target._entries[login] = attrs.evolve(target._entries[login], **changes)  # type: ignore[arg-type]

    def drift(self) -> None:
        """Drop two accounts, enable a closed one, disable one, rename one, and name another holder of one."""
        for login in ("birim0", "birim1"):
            del self.posta._entries[login]
        self.change(self.wiki, "birim11", enabled=True)
        self.change(self.posta, "birim2", enabled=False)
        for login, changed in (("birim3", {"unit": "Başka Birim"}), ("birim4", {"holder": "7"})):
            self.change(self.wiki, login, attributes={**self.wiki._entries[login].attributes, **changed})


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    with site.start() as harness:
        harness.know(units=UNITS, persons=PEOPLE)
        harness.open([unit.code for unit in UNITS])
        harness.close_accounts(["birim11"])
    return site


@pytest.fixture(name="harness")
def _harness(site: Site) -> Iterator[Harness]:
    with site.start() as harness:
        yield harness


def differences(harness: Harness) -> list[Difference]:
    assert isinstance(harness.clock, FakeClock)
    harness.clock.advance(timedelta(minutes=1))
    found = harness.app.reconcile.compare(actor="tester")
    return [difference for difference in found if isinstance(difference, Difference)]


def kinds(found: list[Difference]) -> list[tuple[str, str]]:
    return sorted((difference.login, difference.kind.value) for difference in found)


def repair(harness: Harness, *, handover: bool = False) -> Counter[OperationState]:
    plan = harness.app.repairs.plan(differences(harness), actor="tester", handover=handover)
    run = harness.app.repairs.start(plan, INITIATOR)
    return Counter(operation.state for operation in run)


def test_what_a_hidden_hand_did_is_found_exactly_and_repaired_for_good(site: Site, harness: Harness) -> None:
    assert differences(harness) == []
    site.drift()
    expected = [
        ("birim0", "missing"),
        ("birim1", "missing"),
        ("birim11", "enabled"),
        ("birim2", "disabled"),
        ("birim3", "attributes"),
        ("birim4", "holder"),
    ]
    assert kinds(differences(harness)) == expected

    assert repair(harness) == {OperationState.DONE: 6}

    assert differences(harness) == []
    for target in (site.posta, site.wiki):
        assert not target.logs_in("birim11", site.password(11))
        for number in range(11):
            assert target.logs_in(f"birim{number}", site.password(number)), "somebody has a password that opens nothing"


def test_a_name_is_repaired_without_a_message(site: Site, harness: Harness) -> None:
    site.change(site.wiki, "birim3", attributes={"unit": "Başka", "holder": "3", "name": "Kişi 3"})
    before = len(site.phones.inbox(PEOPLE[3].mobile or ""))

    assert repair(harness) == {OperationState.DONE: 1}

    assert len(site.phones.inbox(PEOPLE[3].mobile or "")) == before


def test_what_a_target_cannot_update_is_left_and_not_said_to_be_repaired(site: Site) -> None:
    """The command would end with 0, and the next comparison would show the same."""
    bare = type("Bare", (MemoryTarget,), {"account_update": None})()
    targets = {"posta": site.posta, "wiki": bare}
    with Harness(
        site.folder / "bare.sqlite", targets=targets, channels={"sms": site.phones}, clock=site.clock
    ) as harness:
        harness.know(units=UNITS, persons=PEOPLE)
        harness.open([unit.code for unit in UNITS])
        site.change(bare, "birim4", attributes={**bare._entries["birim4"].attributes, "holder": "7"})

        plan = harness.app.repairs.plan(differences(harness), actor="tester")

        assert (plan.count, kinds(list(plan.left))) == (0, [("birim4", "holder")])


def test_an_unknown_account_is_not_touched(site: Site, harness: Harness) -> None:
    site.posta._entries["yabanci"] = site.posta._entries["birim5"]

    assert repair(harness) == {}
    assert kinds(differences(harness)) == [("yabanci", "extra")]


def test_a_preview_changes_nothing(site: Site, harness: Harness) -> None:
    site.drift()
    found = differences(harness)

    preview = harness.app.repairs.preview(harness.app.repairs.plan(found, actor="tester"), INITIATOR)

    assert len(preview.plan.work) == 6
    assert kinds(differences(harness)) == kinds(found)


def test_a_new_custodian_gets_the_account_only_on_request(site: Site, harness: Harness) -> None:
    harness.know(units=[attrs.evolve(UNITS[6], custodian="7")])

    assert repair(harness) == {}
    assert kinds(differences(harness)) == [("birim6", "custodian")]
    assert repair(harness, handover=True) == {OperationState.DONE: 1}
    assert differences(harness) == []
    assert harness.account("birim6").holder == "7"


def test_a_scope_that_lost_too_many_accounts_is_held(site: Site) -> None:
    with site.start(scopes={"wiki": {"kinds": ["school"]}}, limit=MassChangeLimit(percent=20)) as harness:
        assert Counter(kind for _, kind in kinds(differences(harness))) == {"out_of_scope": 11}
        assert repair(harness) == {OperationState.STAGED: 11}

    assert site.wiki.logs_in("birim5", site.password(5))


def test_an_account_that_somebody_enabled_out_of_scope_is_closed_there_again(site: Site) -> None:
    """The journal says that it is closed there."""
    with site.start(scopes={"wiki": {"under": ["u5"]}}, limit=MassChangeLimit(percent=100)) as harness:
        repair(harness)
        site.wiki._entries["birim6"] = attrs.evolve(site.wiki._entries["birim6"], enabled=True)
        assert kinds(differences(harness)) == [("birim6", "out_of_scope")]

        assert repair(harness) == {OperationState.DONE: 1}
        assert differences(harness) == []
    assert not site.wiki.logs_in("birim6", site.password(6))


def test_accounts_join_a_new_target_with_their_next_password_and_nobody_is_closed(site: Site) -> None:
    added = MemoryTarget()
    targets = {"posta": site.posta, "wiki": site.wiki, "db": added}
    with Harness(
        site.folder / "store.sqlite", targets=targets, channels={"sms": site.phones}, clock=site.clock
    ) as harness:
        found = differences(harness)
        assert Counter((difference.target, difference.kind.value) for difference in found) == {("db", "not_joined"): 11}
        assert repair(harness) == {}

        harness.rotate([f"birim{number}" for number in range(11)])

        assert differences(harness) == []
    assert added.logs_in("birim0", site.password(0))


def test_accounts_join_at_once_where_the_configuration_says_so(site: Site) -> None:
    added = MemoryTarget()
    targets = {"posta": site.posta, "wiki": site.wiki, "db": added}
    with Harness(
        site.folder / "store.sqlite",
        targets=targets,
        channels={"sms": site.phones},
        clock=site.clock,
        scopes={"db": {"join": "now"}},
    ) as harness:
        assert repair(harness) == {OperationState.DONE: 11}
        assert differences(harness) == []


def test_only_an_administrator_repairs(site: Site) -> None:
    with site.start(administrators=["boss"]) as harness, pytest.raises(DeniedError):
        harness.app.repairs.plan([], actor="tester")


def test_a_right_that_somebody_gave_is_found_and_taken_away(site: Site) -> None:
    rights = {
        "staff": EntitlementSettings(target="wiki", kinds=("office",)),
        "boss": EntitlementSettings(target="wiki", kinds=("nobody",)),
    }
    with site.start(entitlements=rights) as harness:
        harness.update([f"birim{number}" for number in range(11)])
        assert differences(harness) == []
        site.change(site.wiki, "birim5", entitlements=frozenset({"staff", "boss"}))

        assert kinds(differences(harness)) == [("birim5", "entitlements")]
        assert repair(harness) == {OperationState.DONE: 1}
        assert differences(harness) == []
