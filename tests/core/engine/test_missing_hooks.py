"""A hook that is missing is not a hook that succeeded: nothing is done or closed that nobody did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from provisioner.core.api.errors import PluginError
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import AskClearance, Passage
from provisioner.core.engine.plan import Plan
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.governance.clearance import reservations
from provisioner.core.model import AccountState, Operation, OperationState, Person, TargetState, Unit
from provisioner.testing.clock import FakeClock
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from tests.core.conftest import ORIGIN

UNITS = [Unit(code=f"u{n}", name=f"Birim {n}", kind="office", login=f"birim{n}", custodian="1") for n in range(2)]
PERSONS = [Person(id=str(n), name=f"Kişi {n}", mobile=f"+90532000000{n}") for n in (1, 2)]
SHUTTING = ["account_close", "account_delete"]
RENEWING = ["account_rotate", "account_handover"]


def without(*hooks: str, base: type = MemoryTarget) -> Any:
    """Return an object that lacks these hooks."""
    return type("Without", (base,), dict.fromkeys(hooks))()


class Office:
    """A complete directory behind one that is complete while accounts are opened, and then lacks hooks."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "store.sqlite"
        self.complete = MemoryTarget()
        self.poor = MemoryTarget()
        self.phones = MemoryChannel()
        with self.running() as harness:
            harness.know(units=UNITS, persons=PERSONS)
            harness.open(["u0"])

    @contextmanager
    def running(self, *lacking: str, cannot: Sequence[str] = ()) -> Iterator[Harness]:
        poor = without(*lacking)
        poor._entries = self.poor._entries
        targets = {"posta": self.complete, "kapi": poor}
        with Harness(self.file, targets=targets, channels={"sms": self.phones}, cannot={"kapi": cannot}) as harness:
            yield harness

    def let_in_by(self, password: str) -> set[str]:
        directories = {"posta": self.complete, "kapi": self.poor}
        return {name for name, one in directories.items() if one.logs_in("birim0", password)}

    @property
    def passwords(self) -> list[str]:
        return [one.password for person in PERSONS for one in self.phones.inbox(person.mobile or "")]


@pytest.fixture(name="office")
def _office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def planned(harness: Harness, hook: str) -> Plan:
    account, planner = harness.account("birim0"), harness.planner
    if hook == "account_handover":
        return planner.hand_over(account, to="2", initiator=INITIATOR)
    if hook == "account_create":
        return planner.open_units([UNITS[1]], initiator=INITIATOR)
    make = {"account_rotate": planner.rotate, "account_close": planner.close, "account_delete": planner.delete}
    return make[hook]([account], INITIATOR)


class TestUndeclared:
    """The configuration does not say that the target lacks the hook."""

    @pytest.mark.parametrize("hook", ["account_create", *RENEWING])
    def test_a_password_is_refused_before_anything_is_written(self, office: Office, hook: str) -> None:
        with office.running(hook) as harness:
            plan = planned(harness, hook)

            assert plan.work == ()
            [refused] = plan.refused
            assert "kapi has no " + hook in str(refused.reason)
            assert refused.login in str(refused.reason)
            assert f'cannot = ["{hook}"] under [targets.kapi]' in str(refused.cure)
        [password] = office.passwords
        assert office.let_in_by(password) == {"posta", "kapi"}

    @pytest.mark.parametrize("hook", ["account_create", *RENEWING])
    def test_a_password_that_nothing_would_prove_is_refused(self, office: Office, hook: str) -> None:
        with office.running("account_probe") as harness:
            [refused] = planned(harness, hook).refused

        assert "kapi has no account_probe" in str(refused.reason)

    def test_who_must_be_locked_out_now_is_locked_out_elsewhere(self, office: Office) -> None:
        """It is not done: the rest is named, and not forgotten."""
        with office.running("account_close") as harness:
            [operation] = harness.close_accounts(["birim0"])

            assert operation.state is OperationState.INCOMPLETE
            assert operation.error is not None
            assert (operation.error.name, str(operation.error.message)) == (
                "UnsupportedError",
                "kapi has no account_close",
            )
            assert harness.account("birim0").state is AccountState.INCOMPLETE
            assert harness.store.accounts.target_states("birim0") == {
                "posta": TargetState.CLOSED,
                "kapi": TargetState.OPEN,
            }
            blocks = harness.plugins.clearance_blocks(AskClearance(person_id="1", passage=Passage.LEAVING))
            assert [block.subject for block in blocks] == ["birim0"]
        assert office.let_in_by(office.passwords[0]) == {"kapi"}

    def test_what_is_left_is_done_when_the_hook_is_there(self, office: Office) -> None:
        with office.running("account_close") as harness:
            harness.close_accounts(["birim0"])
        with office.running() as harness:
            assert isinstance(harness.clock, FakeClock)
            harness.clock.advance(timedelta(days=1))
            [operation] = harness.resume()

        assert operation.state is OperationState.DONE
        assert office.let_in_by(office.passwords[0]) == set()

    def test_a_closing_that_nothing_would_prove_is_not_done(self, office: Office) -> None:
        with office.running("account_probe") as harness:
            [operation] = harness.close_accounts(["birim0"])

            assert operation.state is OperationState.INCOMPLETE
            assert harness.store.accounts.target_states("birim0")["kapi"] is TargetState.UNPROVED

    def test_a_deletion_is_not_done(self, office: Office) -> None:
        with office.running("account_delete") as harness:
            harness.close_accounts(["birim0"])
            [operation] = harness.delete(["birim0"])

            assert operation.state is OperationState.INCOMPLETE
            assert not harness.store.accounts.deleted(["birim0"])

    def test_a_closing_that_no_target_can_do_has_failed(self, tmp_path: Path) -> None:
        phones = MemoryChannel()
        targets = {"kapi": without("account_close")}
        with Harness(tmp_path / "x.sqlite", targets=targets, channels={"sms": phones}) as harness:
            harness.know(units=UNITS, persons=PERSONS)
            harness.open(["u0"])
            [operation] = harness.close_accounts(["birim0"])

            assert operation.state is OperationState.FAILED
            assert harness.account("birim0").state is AccountState.OPEN

    def test_an_operation_that_was_planned_before_is_not_carried_out(self, office: Office) -> None:
        with office.running() as harness:
            harness.engine.iter_apply(planned(harness, "account_rotate"))
        with office.running("account_rotate") as harness:
            [operation] = harness.resume()

        assert not operation.state.ended
        assert operation.error is not None
        assert "kapi has no account_rotate" in str(operation.error.message)
        assert office.let_in_by(office.passwords[0]) == {"posta", "kapi"}


class TestDeclared:
    """The configuration says that the target lacks the hook."""

    @pytest.mark.parametrize("hook", RENEWING)
    def test_the_rest_is_done_and_the_step_is_not(self, office: Office, hook: str) -> None:
        with office.running(hook, cannot=[hook]) as harness:
            [operation] = harness.run(planned(harness, hook))

            assert operation.state is OperationState.DONE
            assert left_out(operation) == {"kapi": f"kapi cannot do {hook}, as the configuration says"}
            assert harness.store.accounts.target_states("birim0") == {
                "posta": TargetState.OPEN,
                "kapi": TargetState.INCOMPLETE,
            }

    def test_an_account_is_never_closed_where_nobody_closed_it(self, office: Office) -> None:
        with office.running("account_close", cannot=["account_close"]) as harness:
            [operation] = harness.close_accounts(["birim0"])

            assert operation.state is OperationState.DONE
            assert left_out(operation) == {"kapi": "kapi cannot do account_close, as the configuration says"}
            assert harness.store.accounts.target_states("birim0") == {
                "posta": TargetState.CLOSED,
                "kapi": TargetState.OPEN,
            }
            [remark] = reservations(harness.store, "1")
            assert "birim0 on kapi" in str(remark)
        assert office.let_in_by(office.passwords[0]) == {"kapi"}

    def test_it_is_closed_there_as_soon_as_the_target_can(self, office: Office) -> None:
        """To say that it is closed already would be a lie."""
        with office.running("account_close", cannot=["account_close"]) as harness:
            harness.close_accounts(["birim0"])
            assert harness.close_accounts(["birim0"]) == []
        with office.running() as harness:
            [operation] = harness.close_accounts(["birim0"])
            assert operation.state is OperationState.DONE
            assert harness.close_accounts(["birim0"]) == []
        assert office.let_in_by(office.passwords[0]) == set()

    def test_what_somebody_closed_there_by_hand_is_closed(self, office: Office) -> None:
        office.poor._entries["birim0"] = attrs.evolve(office.poor._entries["birim0"], enabled=False)
        with office.running("account_close", cannot=["account_close"]) as harness:
            harness.close_accounts(["birim0"])

            assert harness.store.accounts.target_states("birim0")["kapi"] is TargetState.CLOSED
            assert reservations(harness.store, "1") == []

    def test_who_handed_over_may_still_log_in_there_and_that_is_said(self, office: Office) -> None:
        with office.running("account_handover", cannot=["account_handover"]) as harness:
            harness.run(planned(harness, "account_handover"))
            [remark] = reservations(harness.store, "1")
            assert "birim0 on kapi" in str(remark)
        with office.running() as harness:
            harness.rotate(["birim0"])
            assert reservations(harness.store, "1") == []

    @pytest.mark.parametrize("hook", ["account_create", *RENEWING, "account_close"])
    def test_without_a_probe_nothing_is_proved(self, office: Office, hook: str) -> None:
        with office.running("account_probe", cannot=["account_probe"]) as harness:
            [operation] = harness.run(planned(harness, hook))

            assert operation.state is OperationState.DONE
            assert harness.store.accounts.target_states(operation.login)["kapi"] is TargetState.UNPROVED

    @pytest.mark.parametrize("hook", [*RENEWING, "account_close"])
    def test_where_no_target_can_nothing_is_done(self, tmp_path: Path, hook: str) -> None:
        phones = MemoryChannel()
        targets = {"kapi": without(hook)}
        with Harness(
            tmp_path / "x.sqlite", targets=targets, channels={"sms": phones}, cannot={"kapi": [hook]}
        ) as harness:
            harness.know(units=UNITS, persons=PERSONS)
            harness.open(["u0"])
            [operation] = harness.run(planned(harness, hook))

            assert operation.state is OperationState.FAILED
            assert harness.account("birim0").state is AccountState.OPEN
        assert len(phones.inbox(PERSONS[0].mobile or "") + phones.inbox(PERSONS[1].mobile or "")) == 1

    def test_a_hook_that_is_there_cannot_be_declared(self, plugins: Plugins) -> None:
        plugins.cannot["posta"] = ["account_close"]

        with pytest.raises(PluginError, match="'cannot' lists account_close") as caught:
            plugins.add_target("posta", MemoryTarget(), ORIGIN)
        assert "[targets.posta]" in str(caught.value.cure)


class TestChannels:
    """The same for the ways to people."""

    @pytest.fixture(name="channels")
    def _channels(self) -> Mapping[str, MemoryChannel]:
        return {"board": without("secret_deliver", base=MemoryChannel), "sms": MemoryChannel()}

    def test_one_that_brings_no_passwords_and_does_not_say_so_refuses_them(
        self, tmp_path: Path, channels: Mapping[str, MemoryChannel]
    ) -> None:
        target = MemoryTarget()
        with Harness(tmp_path / "x.sqlite", targets={"posta": target}, channels=channels) as harness:
            harness.know(units=UNITS, persons=PERSONS)
            [refused] = harness.planner.open_units(UNITS[:1], initiator=INITIATOR).refused

        assert "board has no secret_deliver" in str(refused.reason)
        assert "[channels.board]" in str(refused.cure)

    def test_one_that_says_so_is_passed_over(self, tmp_path: Path, channels: Mapping[str, MemoryChannel]) -> None:
        cannot = {"board": ["secret_deliver"]}
        with Harness(
            tmp_path / "x.sqlite", targets={"posta": MemoryTarget()}, channels=channels, cannot=cannot
        ) as harness:
            harness.know(units=UNITS, persons=PERSONS)
            [operation] = harness.open(["u0"])

        assert operation.state is OperationState.DONE
        assert [step.name for step in operation.steps if step.hook == "secret_deliver"] == ["sms"]


class TestForgottenMark:
    """What has the name of a hook and is none would never be called, and nobody would notice."""

    def test_a_method_is_refused(self, plugins: Plugins) -> None:
        class Forgetful(MemoryTarget):
            def account_close(self, request: object) -> None:  # type: ignore[override]
                """Seems to close."""

        with pytest.raises(PluginError, match="account_close, which is not marked as a hook") as caught:
            plugins.add_target("posta", Forgetful(), ORIGIN)
        assert "@hookimpl" in str(caught.value.cure)

    @pytest.mark.parametrize("hook", ["clearance_blocks", "operation_authorize", "policy_rules", "operation_event"])
    def test_any_hook_of_any_object_is_refused(self, plugins: Plugins, hook: str) -> None:
        forgetful = type("Forgetful", (), {hook: lambda _: None})()

        with pytest.raises(PluginError, match=hook):
            plugins.add("rules of a third party", forgetful)

    def test_a_function_in_a_class_attribute_is_refused(self, plugins: Plugins) -> None:
        """pluggy passes over what is no method, marked or not."""

        class Callable:
            provisioner_impl: Mapping[str, object] = {}

            def __call__(self, request: object) -> None: ...

        attribute = type("Attribute", (MemoryTarget,), {"account_close": Callable()})()

        with pytest.raises(PluginError, match="account_close"):
            plugins.add_target("posta", attribute, ORIGIN)

    def test_a_hook_that_is_taken_away_on_purpose_is_missing(self, plugins: Plugins) -> None:
        target = plugins.add_target("posta", without("account_close"), ORIGIN)

        assert [str(one) for one in target.missing] == ["posta has no account_close"]

    def test_a_misspelt_hook_is_reported_once(self, plugins: Plugins) -> None:
        class Misspelt(MemoryTarget):
            @hookimpl
            def acount_close(self, request: object) -> None: ...

        with pytest.raises(PluginError, match="unknown hook: acount_close") as caught:
            plugins.add_target("posta", Misspelt(), ORIGIN)
        assert "account_close" in str(caught.value.cure)
        plugins.add_target("pys", MemoryTarget(), ORIGIN)
        plugins.load([])


def left_out(operation: Operation) -> dict[str, str]:
    """Return why steps are not done, by target."""
    return {step.name: str(step.error.message) for step in operation.steps if step.error}
