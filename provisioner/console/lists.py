"""The lists that people have uploaded, in the memory of the one process that serves the console."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta

import attrs

from provisioner.console.uploads import Upload
from provisioner.services.list_runs import ListRun

#: How long a list is kept that nobody applies.
KEPT = timedelta(minutes=30)

#: How many lists are kept at most; the oldest is dropped.
_MOST_LISTS = 20

#: How many runs are kept whose progress can be read: of all persons, and of one. With each, its list is kept.
_MOST_RUNS, _MOST_RUNS_OF_PERSON = 100, 10

#: How many accounts the runs that have ended have together. The oldest ones are dropped.
_MOST_ITEMS = 100_000


@attrs.frozen(kw_only=True)
class UploadedList:
    """A list that somebody has uploaded and not applied yet."""

    id: str
    #: The ID of the person who has uploaded it.
    person: str
    at: datetime
    upload: Upload
    close_missing: bool
    hand_over: bool
    reason: str


@attrs.frozen(kw_only=True)
class AppliedList:
    """A list that is being applied, or was."""

    #: The ID that it had before.
    id: str
    person: str
    run: ListRun
    #: Ends with the run.
    under_way: Future[Exception | None]


class Lists:
    """Keeps lists, and the progress of those that are being applied.

    A person has one list that is not applied yet: another one replaces it. Its file is dropped when it is applied.

    Args:

        now: The clock.
    """

    def __init__(self, *, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._uploaded: dict[str, UploadedList] = {}
        self._applied: dict[str, AppliedList] = {}

    def keep(
        self, upload: Upload, *, person: str, close_missing: bool = False, hand_over: bool = False, reason: str = ""
    ) -> UploadedList:
        """Keep a list for half an hour, in place of the one that the person had before.

        Args:

            upload: The file.

            person: The ID of the person who has uploaded it.

            close_missing: Whether the person wants accounts of units to be closed that aren't in it.

            hand_over: Whether the person wants accounts to be handed over to the custodians in it.

            reason: Why.
        """
        kept = UploadedList(
            id=secrets.token_urlsafe(12),
            person=person,
            at=self._now(),
            upload=upload,
            close_missing=close_missing,
            hand_over=hand_over,
            reason=reason,
        )
        with self._lock:
            self._drop_old()
            others = [each for each in self._uploaded.values() if each.person != person]
            self._uploaded = {each.id: each for each in [*others[1 - _MOST_LISTS :], kept]}
        return kept

    def uploaded(self, list_id: str, *, person: str) -> UploadedList | None:
        """Return a list that this person has uploaded and not applied; ``None`` if there is none."""
        with self._lock:
            self._drop_old()
            found = self._uploaded.get(list_id)
            return found if found and found.person == person else None

    def applied(self, list_id: str, *, person: str) -> AppliedList | None:
        """Return a list that this person has applied; ``None`` if there is none."""
        with self._lock:
            found = self._applied.get(list_id)
            return found if found and found.person == person else None

    def applied_by(self, person: str) -> list[AppliedList]:
        """Return the lists that a person has applied, the latest first."""
        with self._lock:
            return [applied for applied in reversed(self._applied.values()) if applied.person == person]

    def drop(self, list_id: str) -> None:
        """Forget a list that is not applied."""
        with self._lock:
            self._uploaded.pop(list_id, None)

    def follow(self, applied: AppliedList) -> None:
        """Keep the progress of a list that is being applied, and drop its file."""
        with self._lock:
            self._uploaded.pop(applied.id, None)
            self._applied.pop(applied.id, None)
            self._applied[applied.id] = applied
            self._drop_runs(applied)

    def _drop_runs(self, latest: AppliedList) -> None:
        """Drop runs that have ended, the oldest first, until there are few enough, and they are small enough."""
        own = sum(applied.person == latest.person for applied in self._applied.values())
        ended = [applied for applied in self._applied.values() if applied.under_way.done() and applied is not latest]
        items = sum(len(applied.run.items) for applied in ended)
        for applied in ended:
            is_own = applied.person == latest.person
            are_own_too_many = is_own and own > _MOST_RUNS_OF_PERSON
            if are_own_too_many or len(self._applied) > _MOST_RUNS or items > _MOST_ITEMS:
                del self._applied[applied.id]
                items -= len(applied.run.items)
                own -= is_own

    def _drop_old(self) -> None:
        oldest = self._now() - KEPT
        self._uploaded = {key: one for key, one in self._uploaded.items() if one.at > oldest}
