"""Composing an application of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from provisioner.config.load import LoadedConfiguration, load
from provisioner.core.api.errors import InputError
from provisioner.core.api.events import Event
from provisioner.core.api.messages import Presence
from provisioner.core.engine.plan import Initiator
from provisioner.core.model import OperationState, Person, Unit
from provisioner.services.bootstrap import application
from provisioner.store import Store
from provisioner.testing import samples
from provisioner.testing.clock import FakeClock
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from provisioner.testing.memory_mail import MemoryMail
from tests.services.conftest import Observer

CONFIG = """\
[accounts]
domain = "meb.gov.tr"
plate_code = "46"
[targets.directory]
plugin = "local"
database = "directory.sqlite"
[targets.memory]
plugin = "faults"
[targets.last]
plugin = "local"
database = "last.sqlite"
[channels.sms]
plugin = "memory"
"""

INITIATOR = Initiator(actor="tester")


@pytest.fixture(name="config")
def _config(tmp_path: Path) -> LoadedConfiguration:
    file = tmp_path / "provisioner.toml"
    file.write_text(CONFIG)
    Store.create(f"sqlite:///{tmp_path / 'provisioner.sqlite'}").close()
    return load(file)


class TestOfAConfiguration:
    """The product."""

    def test_opens_a_unit_from_end_to_end(self, config: LoadedConfiguration) -> None:
        with application(config) as app:
            app.store.persons.save([samples.HOLDER])
            app.store.units.save([samples.UNIT])

            [operation] = app.engine.apply(app.planner.open_units([samples.UNIT], INITIATOR))

        assert operation.state is OperationState.DONE
        assert [step.name for step in operation.steps] == [
            "directory",
            "directory",
            "memory",
            "memory",
            "last",
            "last",
            "sms",
        ]

    def test_takes_its_time_from_the_clock_that_is_given(self, config: LoadedConfiguration) -> None:
        clock = FakeClock(datetime(2031, 5, 1, tzinfo=UTC))
        with application(config, now=clock) as app:
            app.store.persons.save([samples.HOLDER])
            app.store.units.save([samples.UNIT])

            [operation] = app.engine.apply(app.planner.open_units([samples.UNIT], INITIATOR))

        assert operation.created_at == clock()

    def test_makes_logins_with_the_provinces_number(self, config: LoadedConfiguration) -> None:
        """000 m.4/h."""
        unit = Unit(code="x", name="Temel Eğitim", kind="branch", custodian="1001")
        with application(config) as app:
            app.store.persons.save([samples.HOLDER])

            plan = app.planner.open_units([unit], INITIATOR)

        assert [work.account.mail for work in plan.work] == ["temelegitim46@meb.gov.tr"]

    def test_knows_the_people_of_the_store(self, config: LoadedConfiguration) -> None:
        with application(config) as app:
            app.store.persons.save([Person(id="7", name="Yedi")])

            assert app.planner.people.find_all(["7", "8"]) == {"7": Person(id="7", name="Yedi")}

    def test_changes_targets_in_the_order_of_the_file(self, config: LoadedConfiguration) -> None:
        """Plug-ins are loaded one by one, and one may make the first and the last target."""
        with application(config) as app:
            assert [target.name for target in app.planner.targets] == ["directory", "memory", "last"]
            assert list(app.plugins.targets) == ["directory", "last", "memory"]


class TestOfATest:
    """The harness, with parts of its own."""

    def test_writes_into_the_journal_that_is_given_and_tells_the_observers(self, tmp_path: Path) -> None:
        written: list[Event] = []
        observer = Observer()
        with Harness(
            tmp_path / "store.sqlite", targets={"posta": MemoryTarget()}, channels={"sms": MemoryChannel()}
        ) as harness:
            harness.after_record = written.extend
            harness.plugins.add("test:observer", observer)
            harness.know(units=[samples.UNIT], persons=[samples.HOLDER])
            harness.open([samples.UNIT.code])

        assert written
        assert observer.seen == written


class TestOfATargetThatHoldsNoAccounts:
    """A mail server whose accounts are in the directory only ends their sessions."""

    @pytest.fixture(name="harness")
    def _harness(self, tmp_path: Path) -> Iterator[Harness]:
        directory = MemoryTarget()
        with Harness(
            tmp_path / "store.sqlite",
            targets={"directory": directory, "mail": MemoryMail(directory)},
            channels={"sms": MemoryChannel()},
        ) as harness:
            harness.know(units=[samples.UNIT], persons=[samples.HOLDER])
            harness.open([samples.UNIT.code])
            yield harness

    def test_needs_no_cannot(self, harness: Harness) -> None:
        assert harness.plugins.targets["mail"].missing == []

    def test_has_no_account_and_misses_none(self, harness: Harness) -> None:
        login = samples.ACCOUNT.login

        assert harness.store.accounts.target_states(login).keys() == {"directory"}
        assert harness.planner.complete([harness.account(login)], INITIATOR).work == ()
        assert harness.planner.withdraw([harness.account(login)], INITIATOR).work == ()

    def test_is_not_compared(self, harness: Harness) -> None:
        compared = [found.name for found in harness.app.reconcile.compare(actor="tester") if hasattr(found, "name")]

        assert compared == ["directory"]
        with pytest.raises(InputError, match="mail holds no accounts"):
            harness.app.reconcile.compare(actor="tester", target="mail")

    def test_is_asked_for_sessions_and_not_for_accounts(self, harness: Harness) -> None:
        accounts = [harness.account(samples.ACCOUNT.login)]
        verified = harness.app.verification.verify(accounts, actor="tester")

        assert [(answer.target, answer.presence, answer.sessions) for answer in verified] == [
            ("directory", Presence.ENABLED, None),
            ("mail", None, 0),
        ]
