"""The conformance tests, run against a configured target with accounts that they make and remove."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import attrs

from provisioner import files
from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.errors import ConfigurationError, InputError, NotReadyError, Problem, TargetError
from provisioner.core.engine.passwords import PasswordMaker
from provisioner.core.engine.people import People as Staff
from provisioner.core.gateways.gateway import Target
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.gateways.retrying import Retry, RetryPolicy
from provisioner.core.governance.roles import Role
from provisioner.core.model import Unit
from provisioner.core.model.text import Text
from provisioner.services.parts import authority_of, chosen_targets, open_store, plugins_only, require_target
from provisioner.store import Store
from provisioner.testing.contract.results import Result

if TYPE_CHECKING:
    from provisioner.testing.contract.listing import Check
    from provisioner.testing.contract.sandbox import SandboxPeople  # needs pytest, which users need not have


@attrs.frozen(kw_only=True)
class ContractResults:
    """What the conformance tests found out about a target."""

    #: One result for each case of each check.
    results: Sequence[Result]
    #: Whether the target cannot delete, and so keeps the accounts of the tests, closed.
    keeps_accounts: bool

    @property
    def left_behind(self) -> list[str]:
        """The logins that may still be open on the target."""
        return [login for result in self.results for login in result.left_behind]


@attrs.frozen(kw_only=True)
class Contract:
    """The conformance tests.

    Args:

        config: Names the targets.

        target: The name of the target that is tested.
    """

    config: LoadedConfiguration
    target: str

    def checks(self) -> Sequence[Check]:
        """Return what would be checked.

        Raises:

            ConfigurationError: pytest is not installed.

            InputError: There is no such target.
        """
        self._require()
        from provisioner.testing.contract import TargetContract
        from provisioner.testing.contract.listing import checks

        return list(checks(TargetContract))

    def run(
        self,
        *,
        actor: str,
        unit: str | None = None,
        junit: Path | None = None,
        tell: Callable[[Result], None] = lambda _: None,
    ) -> ContractResults:
        """Run the tests. They create accounts on the target, and remove them at the end.

        Args:

            actor: Who wants it.

            unit: The code of the unit of the accounts, if the target must know its units.

            junit: Also write the results to this file, as JUnit XML.

            tell: Called with each result as it is found out.

        Raises:

            ConfigurationError: pytest is not installed, or something in the configuration is wrong.

            DeniedError: The actor is not an administrator.

            InputError: There is no such target or unit, the target holds no accounts, or the file cannot be written.

            NotReadyError: The target does not work.
        """
        self._require()
        self._require_administrator(actor)
        with closing(plugins_only(self.config, dry_run=False)) as plugins:
            plugins.load(self.config.plugin_settings())
            [gateway] = chosen_targets(plugins, self.target)
            _require_ready(gateway)
            people = self._people(plugins, unit)
            results = _run(plugins, gateway, people, junit, tell)
        return ContractResults(results=results, keeps_accounts="account_delete" not in gateway.hooks)

    def _require(self) -> None:
        """Check that there are pytest and the target."""
        if find_spec("pytest") is None:
            raise ConfigurationError(
                "the contract suite needs pytest, which is not installed",
                cure="run: pip install 'unit-provisioner[testing]'",
            )
        require_target(self.target, self.config.content.targets)

    def _require_administrator(self, actor: str) -> None:
        """Check that accounts may be made that no unit has; where authority is not enforced, no store is needed."""
        if self.config.content.authority is not None:
            with open_store(self.config) as store:
                authority_of(self.config, store).require(actor, {Role.ADMINISTRATOR})

    def _people(self, plugins: Plugins, code: str | None) -> SandboxPeople:
        """Return whose accounts they are: nobody's, or those of a unit that the store knows."""
        from provisioner.testing.contract.sandbox import PEOPLE

        people = attrs.evolve(PEOPLE, domain=self.config.content.accounts.domain)
        if code is None:
            return people
        with open_store(self.config) as store:
            units = list(_upwards(store, code))
            custodians = dict.fromkeys(unit.custodian for unit in units if unit.custodian)
            # Each is asked once, so that it shows at once if the personnel system does not answer.
            retry = Retry(RetryPolicy(attempts=1), threading.Event())
            found = Staff(plugins.find_person, store.persons.get_many, retry).find_all(custodians)
        known = [found[custodian] for custodian in custodians if custodian in found]
        holder, successor, *_ = [*known, people.holder, people.successor]
        return attrs.evolve(people, unit=units[0], holder=holder, successor=successor)


def _require_ready(target: Target) -> None:
    """Check that it works at all before it is judged.

    Raises:

        NotReadyError: It does not.
    """
    try:
        if "target_check" in target.hooks:
            target.check()
    except TargetError as error:
        raise NotReadyError([error]) from None


def _run(
    plugins: Plugins, target: Target, people: SandboxPeople, junit: Path | None, tell: Callable[[Result], None]
) -> list[Result]:
    from provisioner.testing.contract import live, running

    passwords = PasswordMaker.of(plugins.password_policies())
    provider = live.Live(plugin=live.plugin_of(target), people=people, make_secret=passwords.make, cannot=target.cannot)
    with TemporaryDirectory(prefix="contract-") as folder:
        draft = Path(folder, "junit.xml") if junit else None
        results = running.run(Path(live.__file__), provider, junit=draft, tell=tell)
        if junit and draft:
            _write_junit(junit, draft.read_text(encoding="utf-8"))
    return results


def _write_junit(file: Path, text: str) -> None:
    try:
        files.write(file, text)
    except OSError as error:
        message = Text("{file} cannot be written: {reason}", {"file": file, "reason": error.strerror})
        raise InputError([Problem(field="junit", message=message)]) from None


def _upwards(store: Store, code: str) -> Iterator[Unit]:
    """Yield a unit and those above it."""
    wanted: str | None = code
    while wanted is not None:
        unit = store.units.get_many([wanted]).get(wanted)
        if unit is None:
            message = Text("there is no unit {code}", {"code": wanted})
            cure = "run 'provisioner unit list' to see the codes of all units"
            raise InputError([Problem(field="--unit", message=message)], cure=cure)
        yield unit
        wanted = unit.parent
