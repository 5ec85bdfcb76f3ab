"""Held runs: who may release or discard them, and what happens to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from provisioner.core.engine.engine import Engine
from provisioner.core.engine.limits import HeldRun
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.privacy import Privacy
from provisioner.core.governance.roles import Role
from provisioner.core.model import Operation
from provisioner.services.ids import Named, find_id
from provisioner.services.runs import Run, RunPreview, Runs
from provisioner.store import Store


@attrs.frozen
class WaitingRun:
    """A run that waits for its release."""

    run: HeldRun
    #: What is left of it: later operations on the same accounts replace their part.
    logins: Sequence[str]


def held_runs(store: Store, authority: Authority, *, viewer: str) -> list[WaitingRun]:
    """Return the runs that wait for a release.

    Args:

        store: The stored data.

        authority: Decides who may read personal data.

        viewer: Who reads the answer. Personal data that this person may not read are masked.

    Raises:

        StoreError: The store cannot be read.
    """
    privacy, records = Privacy(authority, viewer), store.held_runs
    waiting, units = records.all(), records.units()
    return [WaitingRun(privacy.shown_run(run, units[run.id]), records.logins(run.id)) for run in waiting]


@attrs.frozen(kw_only=True)
class HeldRuns:
    """Releases and discards runs that wait for a release.

    Args:

        engine: Carries out what is released.

        store: The stored data.

        authority: Tells who may do it.

        runs: Previews what would be carried out.
    """

    engine: Engine
    store: Store
    authority: Authority
    runs: Runs

    def waiting(self, *, viewer: str) -> list[WaitingRun]:
        """Return the runs that wait for a release; see :func:`held_runs`."""
        return held_runs(self.store, self.authority, viewer=viewer)

    def readable(self, *, viewer: str) -> list[HeldRun]:
        """Return the runs that wait for a release, and that the viewer started or may read in full, the oldest first.

        Their accounts are not read; see :meth:`readable_run`.
        """
        privacy, units = Privacy(self.authority, viewer), self.store.held_runs.units()
        return [run for run in self.store.held_runs.all() if privacy.may_read_run(run, units[run.id])]

    def with_logins(self, run: HeldRun) -> WaitingRun:
        """Return a run with the accounts that are left of it."""
        return WaitingRun(run, self.store.held_runs.logins(run.id))

    def readable_run(self, run_id: str, *, viewer: str) -> WaitingRun | None:
        """Return a run that waits for a release, as :meth:`readable` does; ``None`` if the viewer may not read it.

        Args:

            run_id: The ID of the run.

            viewer: The ID of the person who reads it.
        """
        found = next((run for run in self.readable(viewer=viewer) if run.id == run_id), None)
        return self.with_logins(found) if found else None

    def release(self, run_id: str, *, actor: str, reason: str = "") -> Run:
        """Carry out what is left of a run.

        Args:

            run_id: The id of the run, or the beginning of it.

            actor: The ID of the person who releases the run.

            reason: Why, for the record.

        Raises:

            InputError: There is no such held run.

            NotAuthorizedError: The actor may not release it. Nothing was changed.

            NotReadyError: Targets or channels cannot be used now. Nothing was changed.
        """
        return Run(self.engine.iter_release(self._id(run_id), actor=actor, reason=reason))

    def preview_release(self, run_id: str, *, actor: str) -> RunPreview:
        """Return what a release would carry out.

        Args:

            run_id: The id of the run, or the beginning of it.

            actor: The ID of the person who would release the run.

        Raises:

            ProvisionerError: As in :meth:`release`.
        """
        return self.runs.preview_again(self.engine.releasable(self._id(run_id), actor=actor), viewer=actor)

    def discard(self, run_id: str, *, actor: str, reason: str = "", dry_run: bool = False) -> list[Operation]:
        """End what is left of a run. No account is changed.

        Args:

            run_id: The id of the run, or the beginning of it.

            actor: The ID of the person who discards the run.

            reason: Why, for the record.

            dry_run: Only return what would end.

        Returns:

            The operations that ended, without personal data that the actor may not read.

        Raises:

            DeniedError: The actor neither asked for all of it nor is an officer of the units.

            InputError: There is no such held run.
        """
        run_id = self._id(run_id)
        ended = self.engine.holds.operations(run_id)
        self._require_right(ended, actor)
        if not dry_run:
            ended = self.engine.holds.discard(run_id, actor=actor, reason=reason)
        return self.runs.shown(ended, viewer=actor)

    def _id(self, given: str) -> str:
        return find_id(self.store, Named.RUN, given)

    def _require_right(self, operations: Iterable[Operation], actor: str) -> None:
        """Check that somebody may take these back: who asked for them, or an officer of their units."""
        logins = [operation.login for operation in operations if operation.actor != actor]
        for unit in sorted({account.unit for account in self.store.accounts.get_many(logins).values()}):
            self.authority.require(actor, {Role.OFFICER}, unit)
