"""Many threads at the same time, and growth of resources."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from provisioner.core.api.errors import TargetError
from provisioner.core.api.messages import Presence
from provisioner.core.model import Account
from provisioner.core.model.secret import Secret
from provisioner.testing.contract.sandbox import Sandbox, Situation
from provisioner.testing.contract.tags import Tag, tagged

#: How many threads call at once: as many as the engine lets, by default.
THREADS = 8

#: How often something is done to see whether it piles up.
ROUNDS = 20

ItemT = TypeVar("ItemT")


@tagged(Tag.LOAD)
class LoadChecks:
    """Checks of many calls, simultaneous and consecutive."""

    def test_many_accounts_at_once(self, sandbox: Sandbox) -> None:
        """Calls for different accounts come from several threads, and none gets the data of another."""
        accounts = [sandbox.account() for _ in range(THREADS)]
        secrets = [sandbox.make_secret() for _ in accounts]

        def live(number: int) -> None:
            account, secret, other = accounts[number], secrets[number], secrets[number - 1]
            sandbox.do(sandbox.creating(account, secret))
            sandbox.expect_open(account, secret, "creating many at once", dead=(other,))
            if "account_close" in sandbox.target.hooks:
                sandbox.do(sandbox.closing(account))
                sandbox.expect_closed(account, secret, after="closing many at once")

        at_once(live, range(THREADS))

    def test_many_threads_on_one_account(self, sandbox: Sandbox) -> None:
        """After many rotations in any order, exactly one password logs in, and the account is intact."""
        sandbox.needs("account_rotate")
        account, first = sandbox.opened()
        secrets = [sandbox.make_secret() for _ in range(THREADS)]
        worked: list[Secret] = []

        def rotate(secret: Secret) -> None:
            with suppress(TargetError):  # one that lost the race may say so
                sandbox.do(sandbox.rotating(account, secret))
                worked.append(secret)

        at_once(rotate, secrets)

        assert worked, "of many rotations at once none worked"
        logging_in = [secret for secret in (first, *secrets) if sandbox.takes(account, secret)]
        assert len(logging_in) == 1, f"after many rotations at once {len(logging_in)} passwords log in"
        sandbox.expect(account, Situation(presence=Presence.ENABLED), "many rotations at once")

    def test_nothing_is_left_open(self, sandbox: Sandbox) -> None:
        """The number of threads, files and connections doesn't grow with the number of calls. A worker runs for
        months.
        """
        account, secret = sandbox.opened()

        def work() -> None:
            _whole_life(sandbox, account, secret)

        at_once(lambda _: work(), range(THREADS))
        expect_no_growth(work)

    def test_nothing_is_left_open_after_errors(self, sandbox: Sandbox) -> None:
        """Failed calls release their resources too."""
        sandbox.needs("account_rotate")
        request = sandbox.rotating(sandbox.account(), sandbox.make_secret())

        def fail() -> None:
            with suppress(TargetError):
                sandbox.target.change(request)

        fail()
        expect_no_growth(fail)


def _whole_life(sandbox: Sandbox, account: Account, secret: Secret) -> None:
    """Call every hook once that can be repeated."""
    sandbox.do(sandbox.creating(account, secret))
    sandbox.probe(account, secret)
    if "target_check" in sandbox.target.hooks:
        sandbox.target.check()


def at_once(function: Callable[[ItemT], object], items: Iterable[ItemT]) -> None:
    """Call *function* for each item, all at the same moment. What one of them raises is raised here."""
    waiting = list(items)
    barrier = threading.Barrier(len(waiting))

    def start(item: ItemT) -> None:
        barrier.wait()
        function(item)

    with ThreadPoolExecutor(len(waiting), thread_name_prefix="contract") as pool:
        for future in [pool.submit(start, item) for item in waiting]:
            future.result()


def expect_no_growth(work: Callable[[], None]) -> None:
    """Check that threads and open files do not grow in number with the work."""
    before = _held()
    for _ in range(ROUNDS):
        work()
    growth = {kind: count - before[kind] for kind, count in _held().items()}
    leaks = [f"{number} {kind}" for kind, number in growth.items() if number >= ROUNDS / 2]
    assert not leaks, f"{ROUNDS} rounds of the same calls leave {' and '.join(leaks)} behind"


def _held() -> dict[str, int]:
    """Count what this process holds."""
    files = Path("/proc/self/fd")
    return {
        "threads": threading.active_count(),
        "open files or connections": len(list(files.iterdir())) if files.is_dir() else 0,
    }
