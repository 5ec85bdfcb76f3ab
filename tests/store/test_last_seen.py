"""What was seen is remembered for each target."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from provisioner.core.model import AccountState, TargetState
from provisioner.core.reconcile.ports import LastAnswer, LastSeen
from provisioner.store import Store
from provisioner.store.db.chunks import CHUNK
from tests.store.conftest import NOON, Story
from tests.store.towns import account, logins, plan

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def seen(*names: str, at: timedelta = timedelta(0), run: str = "r1") -> list[LastSeen]:
    return [LastSeen(login=name, at=NOON + at, run=run) for name in names]


def test_what_the_same_run_noted_before_is_returned(store: Store, story: type[Story]) -> None:
    plan(store, story, account("a"), account("b"))
    first = seen("a", "b")

    assert store.last_seen.note("posta", first) == {}
    assert store.last_seen.note("pys", seen("a")) == {}, "another target is another matter"
    assert store.last_seen.note("posta", seen("a", at=MINUTE)) == {"a": first[0]}
    assert store.last_seen.note("posta", seen("b", at=MINUTE, run="r2")) == {}, "another run is another matter"


def test_more_than_a_statement_takes(store: Store, story: type[Story]) -> None:
    names = [f"a{number:05}" for number in range(CHUNK + 7)]
    plan(store, story, *map(account, names))
    store.last_seen.note("posta", seen(*names))

    assert len(store.last_seen.note("posta", seen(*names, at=MINUTE))) == len(names)


def test_open_accounts_that_were_not_listed_since_then_are_unseen(store: Store, story: type[Story]) -> None:
    states = {"seen": AccountState.OPEN, "before": AccountState.OPEN, "never": AccountState.OPEN}
    plan(store, story, *(account(name, state=state) for name, state in states.items()))
    plan(store, story, account("closed", state=AccountState.CLOSED))
    store.last_seen.note("posta", seen("before"))
    store.last_seen.note("posta", seen("seen", at=2 * MINUTE))
    store.last_seen.note("pys", seen("never", at=2 * MINUTE))

    assert logins(store.last_seen.unseen("posta", NOON + MINUTE)) == ["before", "never"]


class TestNotSeen:
    """Between noon and an hour later; what is on mail was opened the day before."""

    def opened(self, store: Store, story: type[Story], login: str, at: timedelta = -DAY, **more: object) -> None:
        tale = story(login, at=NOON + at)
        after = attrs.evolve(tale.opened, opened_at=NOON + at, **more)  # type: ignore[arg-type]
        state = TargetState.CLOSED if after.state is AccountState.CLOSED else TargetState.OPEN
        store.write(tale.planned())
        store.write(tale.started(), tale.begun(), tale.ended(target_state=state), tale.finished(account=after))

    def not_seen(self, store: Store) -> list[str]:
        return logins(store.last_seen.not_seen("mail", NOON, NOON + 60 * MINUTE))

    @pytest.mark.parametrize("at", [timedelta(0), MINUTE, 60 * MINUTE])
    def test_a_list_and_a_verification_show_an_account(self, store: Store, story: type[Story], at: timedelta) -> None:
        for login in ("listed", "verified", "neither"):
            self.opened(store, story, login)
        store.last_seen.note("mail", seen("listed", at=at))
        store.verifications.note("mail", [LastAnswer(login="verified", at=NOON + at)])
        store.last_seen.note("pys", seen("neither", at=at))

        assert self.not_seen(store) == ["neither"]

    @pytest.mark.parametrize("at", [-MINUTE, 61 * MINUTE])
    def test_times_before_and_in_the_future_do_not_count(self, store: Store, story: type[Story], at: timedelta) -> None:
        self.opened(store, story, "listed")
        self.opened(store, story, "verified")
        self.opened(store, story, "opened", at=at)
        store.last_seen.note("mail", seen("listed", at=at))
        store.verifications.note("mail", [LastAnswer(login="verified", at=NOON + at)])

        assert self.not_seen(store) == ["listed", "opened", "verified"]

    def test_a_proof_shows_an_account(self, store: Store, story: type[Story]) -> None:
        self.opened(store, story, "rotated", password_changed_at=NOON + MINUTE)
        self.opened(store, story, "new", at=MINUTE)
        self.opened(store, story, "closed", state=AccountState.CLOSED, closed_at=NOON + MINUTE)
        self.opened(store, story, "closed-before", state=AccountState.CLOSED, closed_at=NOON - MINUTE)

        assert self.not_seen(store) == ["closed-before"]

    def test_accounts_that_have_never_been_on_the_target_are_left_out(self, store: Store, story: type[Story]) -> None:
        self.opened(store, story, "opened")

        assert list(store.last_seen.not_seen("pys", NOON, NOON + MINUTE)) == []

    def test_so_are_accounts_of_which_an_operation_goes_on(self, store: Store, story: type[Story]) -> None:
        self.opened(store, story, "stuck", state=AccountState.INCOMPLETE)

        assert self.not_seen(store) == []


def test_accounts_with_a_running_or_a_recent_operation_are_at_work(store: Store, story: type[Story]) -> None:
    for login in ("planned", "recent", "done"):
        tale = story(login, at=NOON + MINUTE if login == "recent" else NOON - MINUTE)
        store.write(tale.planned())
        if login != "planned":
            store.write(tale.started(), tale.finished())

    assert store.last_seen.at_work(["planned", "recent", "done", "none"], NOON) == {"planned", "recent"}


def test_the_times_of_an_account_are_those_of_each_target(store: Store, story: type[Story]) -> None:
    plan(store, story, account("a"), account("b"))
    store.last_seen.note("posta", seen("a", "b"))
    store.last_seen.note("pys", seen("a"))
    store.last_seen.note("pys", seen("a", at=MINUTE))

    assert store.last_seen.times("a") == {"posta": NOON, "pys": NOON + MINUTE}
    assert store.last_seen.times("b") == {"posta": NOON}
