"""A directory with a replica, whose replication stops and starts at random while accounts are opened, rotated, closed.

The replica is first in ``urls``, so it is asked first; and it lets people in, as a mail server would use it.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import attrs
import pytest

from provisioner.core.model import AccountState, Operation, OperationState, Person, Unit
from provisioner.core.model.mass_change import MassChangeLimit
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel
from provisioner.testing.proxy import TcpProxy, WireFault
from provisioner.testing.slapd import Slapd
from provisioner_ldap.plugin import Ldap
from provisioner_ldap.settings import LdapSettings, ProveAt, TlsMode
from tests.acceptance.province import Entrance

pytestmark = [pytest.mark.slow, pytest.mark.server("slapd")]

ACCOUNTS = 300

#: The seconds for which the replication works, and for which it doesn't, at the most. The replica needs up to one
#: second more to connect again.
WORKING, INTERRUPTED = 3.0, 0.4

#: The random numbers of one run of the test can be had again.
SEED = random.SystemRandom().randrange(10**6)

PERSONS = [Person(id=f"p{n}", name=f"Kişi {n}", mobile=f"+90532{n:07}") for n in range(ACCOUNTS)]
UNITS = [
    Unit(code=f"u{n}", name=f"Birim {n}", kind="office", login=f"birim{n}", custodian=PERSONS[n].id)
    for n in range(ACCOUNTS)
]
NUMBERS = {unit.login: person.mobile or "" for unit, person in zip(UNITS, PERSONS, strict=True)}


@attrs.define(eq=False)
class Scene:
    """A provider, its replica, and what connects them."""

    harness: Harness
    phones: MemoryChannel
    entrances: Sequence[Entrance]
    wire: TcpProxy
    _over: threading.Event = attrs.field(factory=threading.Event, init=False)

    @classmethod
    @contextmanager
    def set(cls, folder: Path) -> Iterator[Self]:
        with ExitStack() as stack:
            provider = stack.enter_context(Slapd(replicated=True))
            wire = stack.enter_context(TcpProxy(("127.0.0.1", provider.port)))
            replica = stack.enter_context(Slapd(provider=provider, provider_port=wire.port))
            settings = LdapSettings(
                urls=(replica.url, provider.url),
                bind_dn=provider.bind_dn,
                bind_password=provider.bind_password,
                base_dn=provider.base_dn,
                tls=TlsMode.NONE,
                prove_at=ProveAt.ALL,
            )
            ldap, phones = Ldap(settings=settings), MemoryChannel()
            stack.callback(ldap.close)
            harness = stack.enter_context(
                Harness(
                    folder / "store.sqlite",
                    targets={"directory": ldap},
                    channels={"sms": phones},
                    limit=MassChangeLimit(percent=100),
                )
            )
            harness.know(units=UNITS, persons=PERSONS)
            entrances = [stack.enter_context(Entrance.to(server)) for server in (provider, replica)]
            yield cls(harness, phones, entrances, wire)

    @contextmanager
    def unsteady(self) -> Iterator[None]:
        """Stop and start the replication at random."""
        thread = threading.Thread(target=self._disturb)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
            self.wire.heal()

    def _disturb(self) -> None:
        numbers = random.Random(SEED)  # noqa: S311 - to be repeatable
        while not self._over.wait(numbers.uniform(0, WORKING)):
            self.wire.fail(WireFault.REFUSE)
            self._over.wait(numbers.uniform(0, INTERRUPTED))
            self.wire.heal()

    def passwords(self, login: str) -> list[str]:
        number = NUMBERS[login]
        return [message.password for message in self.phones.inbox(number)]

    def wrong(self, operations: Iterable[Operation], *, is_open: bool) -> list[str]:
        """Return what contradicts an operation that is done, looked at in the moment in which it is."""
        found = []
        for operation in operations:
            if operation.state is OperationState.DONE:
                *former, last = self.passwords(operation.login)
                found += [f"{operation.login}: a former password" for old in former if any(self._at(operation, old))]
                if self._at(operation, last) != [is_open, is_open]:
                    found.append(f"{operation.login}: the last password, {operation.kind}")
        return found

    def _at(self, operation: Operation, password: str) -> list[bool]:
        return [entrance.logs_in(operation.login, password) for entrance in self.entrances]


def test_what_is_done_is_done_at_every_server(tmp_path: Path) -> None:
    with Scene.set(tmp_path) as scene:
        planner, engine = scene.harness.planner, scene.harness.engine
        accounts = scene.harness.store.accounts
        wrong: list[str] = []
        with scene.unsteady():
            opening = planner.open_units(UNITS, INITIATOR)
            wrong += scene.wrong(engine.iter_apply(opening), is_open=True)
            opened = list(accounts.find(state=AccountState.OPEN))
            wrong += scene.wrong(engine.iter_apply(planner.rotate(opened, INITIATOR)), is_open=True)
            wrong += scene.wrong(engine.iter_apply(planner.close(list(accounts.find()), INITIATOR)), is_open=False)

        assert wrong == [], f"seed {SEED}"
        done = scene.harness.store.operations.count()[OperationState.DONE]
        assert done > 2 * ACCOUNTS, f"seed {SEED}"
