"""A directory of 500 accounts that the product has never seen: adopted by its addresses, then 35 days of policy."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta

import attrs
import ldap3
import pytest

from provisioner.core.api.rules import Action
from provisioner.core.model import AccountState, Operation, OperationKind, OperationState, Person, Unit
from provisioner.core.model.scope import Scope
from provisioner.core.policy.notice_messages import Notice
from provisioner.core.policy.policy import Policy, RuleSet
from provisioner.core.reconcile.adoption import PasswordAge
from provisioner.core.reconcile.differences import Difference
from provisioner.rules.passwords import AutoRotate, RenewOrClose
from provisioner.services.adoption import AdoptionPlan
from provisioner.testing.clock import FakeClock
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel
from provisioner.testing.slapd import Slapd
from provisioner_ldap.plugin import Ldap
from provisioner_ldap.settings import LdapSettings, TlsMode

pytestmark = [pytest.mark.slow, pytest.mark.server("slapd")]

ACCOUNTS, DAYS, START = 500, 35, FakeClock()()

#: The password is new, so old that nobody was ever told, of a time to come, or of no known age.
AGES = (timedelta(days=10), timedelta(days=900), timedelta(days=-300), None)

#: Lets an administrator write operational attributes (draft-zeilenga-ldap-relax).
RELAX = ("1.3.6.1.4.1.4203.666.5.12", True, None)

#: Schools are renewed by the product; in offices, every second person renews the password after the first warning.
RULE_SETS = (
    RuleSet(name="renewal", rules=(RenewOrClose(),)),
    RuleSet(name="schools", rules=(AutoRotate(),), scope=Scope(kinds=frozenset({"school"}))),
)

PERSONS = [Person(id=f"p{n}", name=f"Kişi {n}", mobile=f"+90532{n:07}") for n in range(ACCOUNTS)]
UNITS = [
    Unit(
        code=f"u{n}",
        name=f"Birim {n}",
        kind="school" if n % 2 else "office",
        login=f"birim{n}",
        custodian=PERSONS[n].id,
    )
    for n in range(ACCOUNTS)
]


def age_of(number: int) -> timedelta | None:
    """Return how old the password of an account is said to be; each age occurs in schools and in offices."""
    return AGES[number // 2 % len(AGES)]


def renews(login: str) -> bool:
    """Whether the holder of an office's account has the password renewed after a warning."""
    return int(login.removeprefix("birim")) // 8 % 2 == 0


def fill(slapd: Slapd) -> None:
    """Make the entries of the site, as somebody else made them long ago."""
    server = ldap3.Server("127.0.0.1", port=slapd.port, get_info=ldap3.NONE)
    with ldap3.Connection(server, slapd.admin_dn, slapd.admin_password.reveal(), raise_exceptions=True) as connection:
        for number, unit in enumerate(UNITS):
            dn = f"uid={unit.login},{slapd.base_dn}"
            values = {
                "cn": unit.name,
                "sn": unit.login,
                "mail": f"{unit.login}@meb.gov.tr",
                "employeeNumber": unit.custodian,
                "userPassword": "eski",
            }
            connection.add(dn, ["inetOrgPerson"], values)
            age = age_of(number)
            times = [] if age is None else [f"{START - age:%Y%m%d%H%M%SZ}"]
            connection.modify(dn, {"pwdChangedTime": [(ldap3.MODIFY_REPLACE, times)]}, controls=[RELAX])


@attrs.define(eq=False)
class Life:
    """What happens to the site, day by day."""

    harness: Harness
    clock: FakeClock
    notices: dict[str, list[datetime]] = attrs.field(factory=lambda: defaultdict(list))
    renewals: dict[str, list[datetime]] = attrs.field(factory=lambda: defaultdict(list))
    closings: dict[str, datetime] = attrs.field(factory=dict)

    def live(self) -> None:
        for _ in range(DAYS):
            warned = self._sweep()
            self.clock.advance(timedelta(days=1))
            renewing = [login for login in warned if renews(login)]
            self._note(self.harness.rotate(renewing))

    def _sweep(self) -> list[str]:
        warned = []
        for found in self.harness.sweep().run():
            if isinstance(found, Operation):
                self._note([found])
            else:
                assert isinstance(found, Notice)
                assert found.error is None
                assert found.deadline.action is Action.WARN
                self.notices[found.login].append(self.clock())
                warned.append(found.login)
        return warned

    def _note(self, operations: list[Operation]) -> None:
        for operation in operations:
            assert operation.state is OperationState.DONE, operation.error
            if operation.kind is OperationKind.CLOSE:
                self.closings[operation.login] = self.clock()
            else:
                assert operation.kind is OperationKind.ROTATE
                self.renewals[operation.login].append(self.clock())


@pytest.fixture(name="life", scope="module")
def _life(tmp_path_factory: pytest.TempPathFactory, directory: Slapd) -> Iterator[Life]:
    fill(directory)
    clock = FakeClock(START - timedelta(days=365))
    target = Ldap(
        settings=LdapSettings(
            urls=(directory.url,),
            bind_dn=directory.bind_dn,
            bind_password=directory.bind_password,
            base_dn=directory.base_dn,
            tls=TlsMode.NONE,
            policy_dn=directory.policy_dn,
            attributes={"cn": "{unit_name}", "sn": "{login}", "mail": "{mail}", "employeeNumber": "{holder_id}"},
        )
    )
    with (
        closing(target),
        Harness(
            tmp_path_factory.mktemp("adoption") / "store.sqlite",
            targets={"directory": target},
            channels={"sms": MemoryChannel()},
            clock=clock,
            policy=Policy(rule_sets=RULE_SETS, fingerprint="1"),
        ) as harness,
    ):
        harness.know(units=UNITS, persons=PERSONS)
        assert not list(harness.sweep().run())  # the rules hold for a year, so they spare nobody because they are new
        clock.advance(timedelta(days=365))
        yield Life(harness, clock)


@pytest.fixture(name="plan", scope="module")
def _plan(life: Life) -> AdoptionPlan:
    plan = life.harness.app.adoption.plan(actor="tester", match="mail")
    assert len(list(life.harness.app.adoption.adopt(plan))) == ACCOUNTS
    return plan


def differences(life: Life) -> list[Difference]:
    found = list(life.harness.app.reconcile.compare(actor="tester"))
    return [each for each in found if isinstance(each, Difference)]


def test_a_site_is_adopted_whole_by_its_addresses(plan: AdoptionPlan, life: Life) -> None:
    assert plan.refused == ()
    assert plan.listed == {"directory": ACCOUNTS}
    believed = {f"birim{number}" for number in range(ACCOUNTS) if age_of(number) == AGES[0]}
    assert {event.login for event in plan.adopted if event.password_age is PasswordAge.TARGET} == believed
    accounts = list(life.harness.store.accounts.find(state=AccountState.OPEN))
    assert [(account.unit, account.holder) for account in accounts] == [
        (f"u{account.login.removeprefix('birim')}", f"p{account.login.removeprefix('birim')}") for account in accounts
    ]
    assert life.harness.app.adoption.plan(actor="tester", match="mail").adopted == (), "a second run adopts it again"
    assert differences(life) == []


def test_everybody_is_warned_or_renewed_and_nobody_is_closed_unwarned(plan: AdoptionPlan, life: Life) -> None:
    life.live()

    untold = [unit.login for unit in UNITS if unit.login not in life.notices and unit.login not in life.renewals]
    assert untold == []
    schools = {unit.login for unit in UNITS if unit.kind == "school"}
    assert schools <= life.renewals.keys()
    assert not schools & (life.notices.keys() | life.closings.keys()), "a school has nothing to do"
    assert life.closings.keys() == {
        unit.login for unit in UNITS if unit.kind == "office" and unit.login and not renews(unit.login)
    }
    late = {
        login: (life.notices[login], at)
        for login, at in life.closings.items()
        if life.notices[login][0] > at - timedelta(days=6)
    }
    assert late == {}, "closed without the notice that everybody has"


def test_the_renewals_of_unknown_age_are_spread(plan: AdoptionPlan, life: Life) -> None:
    """On one day, nobody could answer the calls."""
    unknown = {event.login for event in plan.adopted if event.password_age is PasswordAge.SPREAD}
    days = Counter((times[0] - START).days // 5 for login, times in life.renewals.items() if login in unknown)

    assert len(days) >= 5
    assert max(days.values()) < len(unknown) // 4


def test_afterwards_nothing_differs(plan: AdoptionPlan, life: Life) -> None:
    assert differences(life) == []
    assert life.harness.store.audit_log.verify_chain() is None
