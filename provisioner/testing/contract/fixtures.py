"""The fixtures of the contract. Each can be overridden by a method of the same name; only ``target`` has to be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import pytest

from provisioner.core.defaults import Defaults
from provisioner.core.model import Person, Unit
from provisioner.core.passwords import PasswordMaker
from provisioner.core.secret import Secret
from provisioner.testing.contract.sandbox import Means, People, Sandbox, target_gateway
from provisioner.testing.proxy import TcpProxy

#: What the logins begin with.
PREFIX = "sozlesme"


@cache
def _password_maker() -> PasswordMaker:
    return PasswordMaker.of([Defaults().password_policy()])


class SharedFixtures:
    """What the contracts of targets and channels have in common."""

    @pytest.fixture
    def unit(self) -> Unit:
        """The unit that the accounts belong to."""
        return Unit(code="sozlesme", name="Sözleşme Denetimi", kind="office")

    @pytest.fixture
    def holder(self) -> Person:
        """Who holds the accounts. The mobile number is one that nobody has."""
        return Person(id="sozlesme-1", name="Işıl Çağrı", unit="sozlesme", title="Şef", mobile="+905000000001")

    @pytest.fixture
    def successor(self) -> Person:
        """Who takes over in a handover."""
        return Person(id="sozlesme-2", name="İsmail Öğüt", unit="sozlesme", title="Memur", mobile="+905000000002")

    @pytest.fixture
    def people(self, unit: Unit, holder: Person, successor: Person) -> People:
        """Whose accounts they are, all together."""
        return People(unit=unit, holder=holder, successor=successor, domain="sozlesme.example", prefix=PREFIX)

    @pytest.fixture
    def make_secret(self) -> Callable[[], Secret]:
        """Makes passwords; by default such as the product makes where nothing else is configured."""
        return _password_maker().make

    @pytest.fixture
    def patience(self) -> float:
        """How many seconds a call may take at most, whatever the other side does."""
        return 30.0

    @pytest.fixture
    def wire(self) -> TcpProxy:
        """The network in front of the system of ``wired_target`` or ``wired_channel``."""
        pytest.skip("there is no bad network: give the fixtures 'wire' and 'wired_target' or 'wired_channel'")


class TargetFixtures(SharedFixtures):
    """What the checks of targets are given."""

    @pytest.fixture
    def target(self) -> object:
        """The plug-in's object, with a system behind it that is empty or shared with others."""
        pytest.fail(f"{type(self).__name__} needs a fixture method named 'target' that returns the plug-in's object")

    @pytest.fixture
    def target_with_wrong_credentials(self) -> object:
        """Another object for the same system, whose own credentials are wrong."""
        pytest.skip("there are no wrong credentials: give the fixture 'target_with_wrong_credentials'")

    @pytest.fixture
    def unreachable_target(self) -> object:
        """Another object, whose system refuses connections."""
        pytest.skip("no system is out of reach: give the fixture 'unreachable_target'")

    @pytest.fixture
    def throttled_target(self) -> object:
        """Another object, whose system answers every change with a request for patience."""
        pytest.skip("no system asks for patience: give the fixture 'throttled_target'")

    @pytest.fixture
    def wired_target(self) -> object:
        """Another object for the same system, which it reaches through ``wire``, with time-outs of a second or so."""
        pytest.skip("there is no bad network: give the fixtures 'wire' and 'wired_target'")

    @pytest.fixture
    def refused_secret(self) -> Secret:
        """A password that the system's own rules refuse."""
        pytest.skip("no password is refused: give the fixture 'refused_secret'")

    @pytest.fixture
    def log_in(self) -> Callable[[str, str], bool] | None:
        """Logs in with a login and a password by other means than the plug-in's, and says whether it worked."""
        return None

    @pytest.fixture
    def remove(self) -> Callable[[str], None] | None:
        """Deletes the account with this login. Without it, accounts are deleted by the target, or closed and left."""
        return None

    @pytest.fixture
    def means(
        self,
        people: People,
        make_secret: Callable[[], Secret],
        log_in: Callable[[str, str], bool] | None,
        remove: Callable[[str], None] | None,
    ) -> Means:
        """What sandboxes are made with, all together."""
        return Means(people=people, make_secret=make_secret, log_in=log_in, remove=remove)

    @pytest.fixture
    def sandbox(self, request: pytest.FixtureRequest, target: object, means: Means) -> Iterator[Sandbox]:
        """Accounts on the target, which are removed after the check."""
        with cleaned(Sandbox(target=target_gateway(target), means=means), request.node) as sandbox:
            yield sandbox


@contextmanager
def cleaned(sandbox: Sandbox, check: pytest.Item) -> Iterator[Sandbox]:
    """Clean up after a check, and write down beside its result what could not be removed."""
    try:
        yield sandbox
    finally:
        check.user_properties += [("left behind", login) for login in sandbox.clean_up()]
