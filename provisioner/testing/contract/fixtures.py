"""The fixtures of the contract. Each can be overridden by a method of the same name; only ``target`` is required."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import attrs
import pytest

from provisioner.core.api.messages import PasswordPolicy
from provisioner.core.engine.passwords import PasswordMaker
from provisioner.core.gateways.gateway import Channel
from provisioner.core.governance.directives import Defaults
from provisioner.core.model import Person, Unit
from provisioner.core.model.secret import Secret
from provisioner.testing.contract.ending import SessionBench, needing_hook
from provisioner.testing.contract.entitling import KnownEntitlements
from provisioner.testing.contract.inventory import Crowd
from provisioner.testing.contract.postbox import BATCH, Postbox
from provisioner.testing.contract.sandbox import (
    PEOPLE,
    Means,
    Sandbox,
    SandboxPeople,
    UnitMove,
    channel_gateway,
    target_gateway,
)
from provisioner.testing.proxy import TcpProxy

#: The number of attempts of the core, for steps that are not the subject of a check with an unreliable network.
TRIES = 4


@cache
def _password_maker() -> PasswordMaker:
    return PasswordMaker.of([Defaults().password_policy()])


class SharedFixtures:
    """What the contracts of targets and channels have in common."""

    @pytest.fixture
    def unit(self) -> Unit:
        """The unit of the accounts. Systems that know their units need a known one."""
        return PEOPLE.unit

    @pytest.fixture
    def holder(self) -> Person:
        """The holder of the accounts. Systems that know their people need a known one."""
        return PEOPLE.holder

    @pytest.fixture
    def successor(self) -> Person:
        """The receiver in a handover: another person."""
        return PEOPLE.successor

    @pytest.fixture
    def people(self, unit: Unit, holder: Person, successor: Person) -> SandboxPeople:
        """The people of the accounts."""
        return attrs.evolve(PEOPLE, unit=unit, holder=holder, successor=successor)

    @pytest.fixture
    def make_secret(self) -> Callable[[], Secret]:
        """Generates passwords; by default like the product without further configuration."""
        return _password_maker().make

    @pytest.fixture
    def cannot(self) -> Collection[str]:
        """The names of the hooks that the plug-in doesn't have, as in ``cannot`` in the configuration."""
        return ()

    @pytest.fixture
    def patience(self) -> float:
        """The maximum number of seconds for a call, in every case, and for a message to its phone."""
        return 30.0

    @pytest.fixture
    def wire(self) -> TcpProxy:
        """The network in front of the system of ``wired_target`` or ``wired_channel``."""
        pytest.skip("needs an unreliable network: define the fixtures 'wire' and 'wired_target' or 'wired_channel'")


class AccountFixtures(SharedFixtures):
    """What the checks have in common that make accounts."""

    @pytest.fixture
    def target(self) -> object:
        """The plug-in's object, connected to an empty or shared system."""
        pytest.fail(f"{type(self).__name__} needs a fixture method named 'target' that returns the plug-in's object")

    @pytest.fixture
    def unreachable_target(self) -> object:
        """Another object, whose system refuses connections."""
        pytest.skip("needs an unreachable system: define the fixture 'unreachable_target'")

    @pytest.fixture
    def log_in(self) -> Callable[[str, str], bool] | None:
        """Logs in with a login and a password without the plug-in, and returns whether it worked."""
        return None

    @pytest.fixture
    def open_session(self) -> Callable[[str, str], Callable[[], bool]]:
        """Logs in with a login and a password, stays logged in, and returns a function that tests whether it still
        works.
        """
        pytest.skip("needs an open session: define the fixture 'open_session'")

    @pytest.fixture
    def remove(self) -> Callable[[str], None] | None:
        """Deletes an account. Without it, the target deletes the accounts, or they are closed and stay."""
        return None

    @pytest.fixture
    def unit_move(self) -> UnitMove | None:
        """The unit below another unit, so that its accounts belong in another container; with this other unit."""
        return None

    @pytest.fixture
    def means(
        self,
        people: SandboxPeople,
        make_secret: Callable[[], Secret],
        log_in: Callable[[str, str], bool] | None,
        remove: Callable[[str], None] | None,
        unit_move: UnitMove | None,
    ) -> Means:
        """What sandboxes are made with, all together."""
        return Means(people=people, make_secret=make_secret, log_in=log_in, remove=remove, unit_move=unit_move)

    @pytest.fixture
    def sandbox(self, request: pytest.FixtureRequest, target: object, means: Means) -> Iterator[Sandbox]:
        """Accounts on the target, which are deleted after the check."""
        with cleaned(Sandbox(target=target_gateway(target), means=means), request.node) as sandbox:
            yield sandbox

    @pytest.fixture
    def sessions(
        self, sandbox: Sandbox, target: object, open_session: Callable[[str, str], Callable[[], bool]]
    ) -> SessionBench:
        """The target that ends sessions, the accounts whose sessions they are, and a way to log in."""
        return SessionBench(ender=needing_hook(target_gateway(target)), sandbox=sandbox, open_session=open_session)


class TargetFixtures(AccountFixtures):
    """What the checks of targets are given."""

    @pytest.fixture
    def target_with_wrong_credentials(self) -> object:
        """Another object for the same system, with wrong credentials."""
        pytest.skip("needs wrong credentials: define the fixture 'target_with_wrong_credentials'")

    @pytest.fixture
    def throttled_target(self) -> object:
        """Another object, whose system limits the rate of every change."""
        pytest.skip("needs a system that limits the rate: define the fixture 'throttled_target'")

    @pytest.fixture
    def crowd(self) -> Crowd:
        """A system with thousands of accounts, and the plug-in's object for it."""
        pytest.skip("needs a system with many accounts: define the fixture 'crowd'")

    @pytest.fixture
    def limited_target(self) -> object:
        """Another object, whose system stops in the middle of the list of its accounts."""
        pytest.skip("needs a system that limits its lists: define the fixture 'limited_target'")

    @pytest.fixture
    def wired_target(self) -> object:
        """Another object for the same system, connected through ``wire``, with timeouts of about a second."""
        pytest.skip("needs an unreliable network: define the fixtures 'wire' and 'wired_target'")

    @pytest.fixture
    def refused_secret(self) -> Secret:
        """A password that violates the system's own rules."""
        pytest.skip("needs a password that the system refuses: define the fixture 'refused_secret'")

    @pytest.fixture
    def grant(self) -> Callable[[str], Callable[[], bool]]:
        """Adds something to an account without the plug-in, such as a group; returns a function that tests for it."""
        pytest.skip("needs something that others grant an account: define the fixture 'grant'")

    @pytest.fixture
    def known_entitlements(self) -> KnownEntitlements:
        """Two entitlements that exist on the system, and a function that returns which of them an account has."""
        pytest.skip("needs known entitlements: define the fixture 'known_entitlements'")

    @pytest.fixture
    def wired(
        self, request: pytest.FixtureRequest, wire: TcpProxy, wired_target: object, means: Means
    ) -> Iterator[Sandbox]:
        """Accounts on the target behind the unreliable network."""
        sandbox = Sandbox(target=target_gateway(wired_target), means=means, tries=TRIES)
        with cleaned(sandbox, request.node), healing(wire):
            yield sandbox


class ChannelFixtures(SharedFixtures):
    """What the checks of channels are given."""

    @pytest.fixture
    def channel(self) -> object:
        """The plug-in's object, with a gateway that reaches no real phone."""
        pytest.fail(f"{type(self).__name__} needs a fixture method named 'channel' that returns the plug-in's object")

    @pytest.fixture
    def channel_with_wrong_credentials(self) -> object:
        """Another object for the same gateway, with wrong credentials."""
        pytest.skip("needs wrong credentials: define the fixture 'channel_with_wrong_credentials'")

    @pytest.fixture
    def unreachable_channel(self) -> object:
        """Another object, whose gateway refuses connections."""
        pytest.skip("needs an unreachable gateway: define the fixture 'unreachable_channel'")

    @pytest.fixture
    def throttled_channel(self) -> object:
        """Another object, whose gateway limits the rate of every message."""
        pytest.skip("needs a gateway that limits the rate: define the fixture 'throttled_channel'")

    @pytest.fixture
    def wired_channel(self) -> object:
        """Another object for the same gateway, connected through ``wire``, with timeouts of about a second."""
        pytest.skip("needs an unreliable network: define the fixtures 'wire' and 'wired_channel'")

    @pytest.fixture
    def inbox(self) -> Callable[[str], Sequence[str]] | None:
        """Returns the texts on the phone with a number, oldest first."""
        return None

    @pytest.fixture
    def make_number(self) -> Callable[[], str]:
        """Generates different mobile numbers. By default from a range that is not assigned."""
        return lambda: f"+90500{random.randrange(10**7):07}"  # noqa: S311 - a number is no secret

    @pytest.fixture
    def unreachable_people(self) -> Sequence[Person]:
        """People who can't be reached: by default one without a number, and one whose number is empty."""
        return [Person(id="nobody-1", name="Numarasız"), Person(id="nobody-2", name="Boş Numara", mobile="")]

    @pytest.fixture
    def postbox(
        self,
        channel: object,
        people: SandboxPeople,
        make_number: Callable[[], str],
        inbox: Callable[[str], Sequence[str]] | None,
        patience: float,
    ) -> Postbox:
        """Messages through the channel."""
        gateway = channel_gateway(channel)
        make_secret = PasswordMaker.of([Defaults().password_policy(), *_policies(gateway)]).make
        return Postbox(
            channel=gateway,
            people=people,
            make_secret=make_secret,
            make_number=make_number,
            patience=patience,
            inbox=inbox,
        )

    @pytest.fixture
    def largest_batch(self) -> int:
        """How many notices the channel takes at once, as the plug-in registers it."""
        return 1

    @pytest.fixture
    def batches(self, postbox: Postbox, largest_batch: int) -> Postbox:
        """Messages through the channel, several at once."""
        if largest_batch < BATCH:
            pytest.skip(f"the channel doesn't take {BATCH} notices at once: define the fixture 'largest_batch'")
        postbox.channel.largest_batch = largest_batch
        return postbox

    @pytest.fixture
    def wired(self, postbox: Postbox, wire: TcpProxy, wired_channel: object) -> Iterator[Postbox]:
        """Messages through the channel behind the unreliable network."""
        with healing(wire):
            yield attrs.evolve(postbox, channel=channel_gateway(wired_channel), tries=TRIES)


def _policies(channel: Channel) -> list[PasswordPolicy]:
    """Return the password requirements of the channel."""
    return list(channel.callers["password_policy"]()) if "password_policy" in channel.hooks else []


@contextmanager
def healing(wire: TcpProxy) -> Iterator[None]:
    """Heal the network in the end, before anybody cleans up over it."""
    try:
        yield
    finally:
        wire.heal()


@contextmanager
def cleaned(sandbox: Sandbox, check: pytest.Item) -> Iterator[Sandbox]:
    """Clean up after a check, and write down beside its result what could not be removed."""
    try:
        yield sandbox
    finally:
        check.user_properties += [("left behind", login) for login in sandbox.clean_up()]
