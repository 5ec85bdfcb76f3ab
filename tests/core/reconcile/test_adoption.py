"""An account is adopted only if it is certain whose it is, and nobody is told late because of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.api.errors import TargetError, UnavailableError
from provisioner.core.api.messages import ListedAccount, Presence
from provisioner.core.model import Account, TargetState, Unit
from provisioner.core.model.naming import Naming
from provisioner.core.reconcile.adoption import (
    SPREAD,
    Candidate,
    MatchedAccount,
    Matching,
    NotAdopted,
    PasswordAge,
    candidates,
    holder_of,
    match_by,
    other_address,
    password_time,
)

NAMING = Naming(domain="meb.gov.tr", domain_of_kind={"school": "meb.k12.tr"})
NOW = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
LIFE = timedelta(days=23)


def listed(login: str, presence: Presence | None = Presence.ENABLED, **more: object) -> ListedAccount:
    return ListedAccount(login=login, presence=presence, **more)  # type: ignore[arg-type]


def mailbox(login: str, mail: str) -> ListedAccount:
    return listed(login, attributes={"mail": mail})


def units(**logins: str) -> dict[str, Account]:
    return {code: Account(login=login, domain="meb.gov.tr", unit=code) for code, login in logins.items()}


def pairs(
    by: str,
    wanted: Mapping[str, Account],
    *listings: ListedAccount | tuple[str, ListedAccount],
    taken: Sequence[str] = (),
) -> dict[str, str]:
    """Return the unit of each login, or the reason why it is not adopted."""
    named = [each if isinstance(each, tuple) else ("posta", each) for each in listings]
    matching = Matching(match=match_by(by, NAMING), naming=NAMING, units=wanted, taken=frozenset(taken))
    return {
        each.login if isinstance(each, NotAdopted) else each.candidate.login: str(each.reason)
        if isinstance(each, NotAdopted)
        else each.unit
        for each in matching.pairs(list(candidates(named).values()))
    }


class TestMatching:
    def test_the_login_of_a_unit_is_its_account(self) -> None:
        assert pairs("login", units(arge="arge46"), listed("ARGE46")) == {"arge46": "arge"}

    def test_an_address_is_compared_whole(self) -> None:
        """The same name at another domain is another mailbox."""
        wanted = units(arge="arge46")

        assert pairs("mail", wanted, mailbox("u17", "ArGe46@MEB.gov.tr")) == {"u17": "arge"}
        assert pairs("mail", wanted, mailbox("u17", "arge46@meb.k12.tr")) == {"u17": "no unit matches it by mail"}
        assert pairs("mail", wanted, mailbox("arge46", "arge46@example.org")) == {
            "arge46": "no unit matches it by mail"
        }

    @pytest.mark.parametrize(("by", "name", "value"), [("mail", "mail", "arge46@meb.gov.tr"), ("ou", "ou", "arge")])
    def test_a_second_value_counts_like_the_first(self, by: str, name: str, value: str) -> None:
        """A mailbox with an alias would be left out."""
        entry = listed("u17", attributes={name: "eski@meb.gov.tr"}, further_values={name: ("x@example.org", value)})

        assert pairs(by, units(arge="arge46"), entry) == {"u17": "arge"}

    def test_an_account_with_the_addresses_of_two_units_is_left(self) -> None:
        entry = listed("a", attributes={"mail": "x@meb.gov.tr"}, further_values={"mail": ("y@meb.gov.tr",)})

        assert pairs("mail", units(u="x", v="y"), entry) == {"a": "it matches several units: u, v"}

    def test_any_attribute_may_have_the_code(self) -> None:
        entry = listed("u17", attributes={"departmentNumber": "arge"})

        assert pairs("departmentnumber", units(arge="arge46"), entry) == {"u17": "arge"}
        assert pairs("ou", units(arge="arge46"), entry) == {"u17": "no unit matches it by ou"}

    def test_two_accounts_of_one_unit_are_left(self) -> None:
        found = pairs(
            "mail", units(arge="arge46"), mailbox("a", "arge46@meb.gov.tr"), mailbox("b", "arge46@meb.gov.tr")
        )

        assert set(found.values()) == {"unit arge matches several accounts: a, b"}

    def test_an_account_of_two_units_is_left_and_so_is_another_of_one_of_them(self) -> None:
        both = listed("a", attributes={"mail": "x@meb.gov.tr", "other": "y@meb.gov.tr"})
        found = pairs(
            "mail", units(u="x", v="y", w="z"), both, mailbox("b", "x@meb.gov.tr"), mailbox("c", "z@meb.gov.tr")
        )

        assert found == {
            "a": "it matches several units: u, v",
            "b": "unit u matches several accounts: a, b",
            "c": "w",
        }

    def test_units_that_want_the_same_login_are_both_left_without(self) -> None:
        assert pairs("login", units(u="same", v="same"), listed("same")) == {"same": "it matches several units: u, v"}

    def test_a_unit_that_has_an_account_gets_no_second_one(self) -> None:
        assert pairs("mail", units(u="known"), mailbox("other", "known@meb.gov.tr"), taken=["u"]) == {
            "other": "unit u has the account known already"
        }

    def test_logins_that_differ_only_in_case_are_one_account_for_us(self) -> None:
        found = pairs("login", units(u="arge46"), listed("arge46"), listed("ArGe46"))

        assert len(found) == 1
        assert next(iter(found.values())).startswith("posta lists several accounts")

    @pytest.mark.parametrize("login", ["ad soyad", "şube46", "-x", "arge46@meb.gov.tr", "İl"])
    def test_what_is_no_login_of_ours_is_left(self, login: str) -> None:
        found = pairs("mail", units(u="arge46"), mailbox(login, "arge46@meb.gov.tr"))

        assert found == {login: f"{login.casefold()} is not a valid login"}

    def test_a_disabled_account_is_left_although_another_target_enables_it(self) -> None:
        disabled = listed("arge46", Presence.DISABLED)
        found = pairs("login", units(u="arge46"), ("posta", listed("arge46")), ("pys", disabled))

        assert found == {"arge46": "it is disabled on pys"}

    @given(
        st.lists(st.sampled_from(["u", "v", "w", "x"]), max_size=4),
        st.lists(
            st.tuples(
                st.sampled_from(["posta", "pys"]),
                st.sampled_from(["a", "A", "b", "c", "d"]),
                st.sampled_from(["", "a", "b", "c"]),
                st.sampled_from(["", "a", "b", "c"]),
                st.sampled_from([*Presence, None]),
            ),
            max_size=8,
        ),
        st.dictionaries(st.sampled_from(["u", "v", "w", "x"]), st.sampled_from(["a", "b", "c"])),
        st.sampled_from(["login", "mail", "first"]),
    )
    def test_no_unit_gets_two_accounts_and_no_account_two_units(
        self,
        taken: list[str],
        entries: list[tuple[str, str, str, str, Presence | None]],
        wanted: dict[str, str],
        by: str,
    ) -> None:
        listings = [
            (target, listed(login, presence, attributes={"first": f"{one}@meb.gov.tr", "next": f"{two}@meb.gov.tr"}))
            for target, login, one, two, presence in entries
        ]
        found = candidates(listings)
        matching = Matching(match=match_by(by, NAMING), naming=NAMING, units=units(**wanted), taken=frozenset(taken))

        results = list(matching.pairs(list(found.values())))

        matched = [each for each in results if isinstance(each, MatchedAccount)]
        assert len(results) == len(found), "an account is forgotten"
        assert len({each.unit for each in matched}) == len(matched), "two accounts for one unit"
        assert len({each.candidate.login for each in matched}) == len(matched), "two units for one account"
        for each in matched:
            assert each.unit not in taken
            claims = [other.login for other in found.values() if each.unit in matching.claims(other)]
            assert claims == [each.candidate.login], "another account has the same right to the unit"
            assert matching.claims(each.candidate) == [each.unit], "another unit has the same right to the account"
            assert Presence.DISABLED not in [entry.presence for _, entry in each.candidate.listings]


def test_the_state_is_known_where_it_is_listed() -> None:
    [found] = candidates([("posta", listed("a")), ("pys", listed("a", None))]).values()

    assert found.states == {"posta": TargetState.OPEN, "pys": TargetState.UNPROVED}


@pytest.mark.parametrize(
    ("mail", "other"),
    [("U17@meb.gov.tr", None), ("arge46@meb.gov.tr", "arge46@meb.gov.tr"), ("arge46@example.org", None)],
)
def test_an_address_that_a_handover_would_change_is_told(mail: str, other: str | None) -> None:
    [found] = candidates([("posta", mailbox("u17", mail))]).values()

    assert other_address(found, Account(login="u17", domain="meb.gov.tr", unit="u"), NAMING) == other


class TestHolder:
    UNIT = Unit(code="u", name="U", kind="office", custodian="2")

    def holder(self, *named: str, known: Sequence[str], unit: Unit = UNIT, **errors: TargetError) -> str:
        listings = [(f"t{number}", listed("a", holder=person)) for number, person in enumerate(named)]
        found = holder_of(Candidate(login="a", listings=tuple(listings)), unit, known, errors)
        return str(found.reason) if isinstance(found, NotAdopted) else found

    def test_the_person_that_the_target_names_comes_first(self) -> None:
        assert self.holder("1", known=["1", "2"]) == "1"
        assert self.holder("1", known=["2"]) == "2", "an unknown person would get no password"
        assert self.holder("", known=["2"]) == "2"

    def test_without_a_known_person_nobody_is_guessed(self) -> None:
        nobody = "neither its holder nor the custodian of unit u is a known person"

        assert self.holder("1", known=[]) == nobody
        assert self.holder("1", known=["2"], unit=attrs.evolve(self.UNIT, custodian=None)) == nobody

    def test_targets_that_name_different_people_are_not_believed(self) -> None:
        assert self.holder("1", "3", known=["1", "2", "3"]) == "targets name several holders: 1, 3"

    def test_a_person_who_was_not_looked_up_may_be_known(self) -> None:
        """Taking the custodian would hand the account over."""
        listings = (("posta", listed("a", holder="1")),)
        errors = {"1": UnavailableError("the personnel system is down")}
        found = holder_of(Candidate(login="a", listings=listings), self.UNIT, ["2"], errors)

        assert isinstance(found, NotAdopted)
        assert str(found.reason) == "the personnel system is down"


class TestPasswordAge:
    def test_the_target_is_believed_while_nobody_would_be_told_late(self) -> None:
        for days in (0, 1, 23):
            said = NOW - timedelta(days=days)
            assert password_time("a", said, life=LIFE, now=NOW) == (said, PasswordAge.TARGET)

    @pytest.mark.parametrize(
        "said", [None, NOW + timedelta(seconds=1), NOW - timedelta(days=24), NOW - timedelta(days=900)]
    )
    def test_otherwise_everybody_has_the_whole_notice(self, said: datetime | None) -> None:
        for number in range(500):
            since, age = password_time(f"birim{number}", said, life=LIFE, now=NOW)
            assert age is PasswordAge.SPREAD
            assert NOW <= since + LIFE <= NOW + SPREAD

    def test_renewals_are_spread_evenly_and_always_the_same(self) -> None:
        due = [password_time(f"birim{n}", None, life=timedelta(days=90), now=NOW)[0] for n in range(3000)]
        days = [(since + timedelta(days=90) - NOW).days for since in due]

        assert {days.count(day) > 60 for day in range(30)} == {True}
        assert due[7] == password_time("birim7", None, life=timedelta(days=90), now=NOW)[0]

    def test_the_oldest_password_counts_and_no_time_to_come(self) -> None:
        times = [NOW - timedelta(days=2), NOW - timedelta(days=5), NOW + timedelta(days=1), None]
        listings = tuple((f"t{n}", listed("a", password_changed_at=moment)) for n, moment in enumerate(times))

        assert Candidate(login="a", listings=listings).password_set_at(NOW) == NOW - timedelta(days=5)
        assert Candidate(login="a", listings=listings[2:]).password_set_at(NOW) is None
