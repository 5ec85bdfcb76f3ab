"""Determines where operations change accounts: on which targets, with which entitlements, and in which steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from provisioner.core.api.errors import ConfigurationError, OmittedError, UnsupportedError, step_error
from provisioner.core.api.kinds import KINDS
from provisioner.core.engine.desired import Desired, DesiredState
from provisioner.core.engine.intents import Intent, Place
from provisioner.core.engine.ports import Records
from provisioner.core.gateways.gateway import DELIVER, PROBE, SESSIONS, UPDATE, Channel, Target, able
from provisioner.core.model import OperationKind, Outcome, SessionsState, Step, TargetState, Unit

#: The states of an account on a target where a log-in is verified to be impossible.
_CLOSED_STATES = frozenset({TargetState.CLOSED, TargetState.ABSENT})


@attrs.frozen(kw_only=True)
class Placing:
    """Determines where operations change accounts. It reads, and changes nothing.

    Args:

        records: The stored data.

        targets: The targets that hold accounts, in the order in which they are changed.

        session_targets: The targets that end sessions, in the order in which they do so.

        channels: The channels, in the order in which they are tried.

        desired: Determines on which targets an account belongs.
    """

    records: Records
    targets: Sequence[Target]
    session_targets: Sequence[Target]
    channels: Sequence[Channel]
    desired: DesiredState

    def place(self, intents: Sequence[Intent]) -> list[Intent]:
        """Return intents with the places where they change their accounts.

        Args:

            intents: What is wanted.
        """
        logins = [intent.account.login for intent in intents]
        known = self.records.accounts.all_target_states(logins)
        ended = self.records.accounts.sessions(logins)
        desired = self.desired.of([(intent.account, intent.unit) for intent in intents])
        parents = self._parents([intent.unit for intent in intents])
        return [
            attrs.evolve(
                intent,
                place=self._place(
                    intent,
                    parents.get(intent.unit.parent or ""),
                    desired[intent.account.login],
                    known.get(intent.account.login, {}),
                    ended.get(intent.account.login, {}),
                ),
            )
            for intent in intents
        ]

    def lacks(self, kind: OperationKind, place: Place) -> UnsupportedError | None:
        """Return why operations of a kind can't be done on all targets, or their passwords not be delivered.

        Closures and deletions are still carried out where possible; they are not done before the rest is.

        Args:

            kind: The kind.

            place: Where they are done.
        """
        if not KINDS[kind].delivers:
            return None
        needed = [(target, hook) for target in self._at(place) for hook in (KINDS[kind].hook, PROBE)]
        if place.channels is not None and not self._deliverers(place):
            return UnsupportedError(
                "no channel delivers passwords for this account",
                cure="add a channel, or correct kinds, under and account_kinds of one",
            )
        wanted = [*needed, *((channel, DELIVER) for channel in self._channels(place))]
        found = (gateway.lacks(hook) for gateway, hook in wanted)
        return next((error for error in found if error and not isinstance(error, OmittedError)), None)

    def steps(self, kind: OperationKind, place: Place) -> tuple[Step, ...]:
        """Return the steps of an operation of this kind, in order, none of them done.

        A target that has no hook for it is shown as not attempted, with the reason.

        Args:

            kind: The kind of the operation.

            place: Where it is done.

        Raises:

            ConfigurationError: A password would be generated and no channel can deliver it.
        """
        spec = KINDS[kind]
        steps = [step for target in self._at(place) for step in _target_steps(target, spec.hook)]
        steps += [
            Step(name=target.name, hook=SESSIONS) for target in self.session_targets if target.name in place.sessions
        ]
        if spec.delivers:
            deliverers = self._deliverers(place)
            if not deliverers:
                raise ConfigurationError(
                    "there is no channel to deliver a password", cure="configure one under [channels]"
                )
            steps.append(Step(name=deliverers[0].name, hook=DELIVER))
        return tuple(steps)

    def left_open(self, logins: Sequence[str]) -> set[str]:
        """Return which closed accounts may be open on a target that can close them now, and couldn't then.

        Args:

            logins: The accounts.
        """
        closers = {target.name for target in able(able(self.targets, KINDS[OperationKind.CLOSE].hook), PROBE)}
        return {
            login
            for login, states in self.records.accounts.all_target_states(logins).items()
            if any(state not in _CLOSED_STATES for name, state in states.items() if name in closers)
        }

    def _parents(self, units: Sequence[Unit]) -> Mapping[str, Unit]:
        """Return the units above these, as they are in the store, in the list, or among these."""
        known = self.desired.units.get_many({unit.parent for unit in units if unit.parent})
        return {**known, **{unit.code: unit for unit in units}}

    def _place(
        self,
        intent: Intent,
        parent: Unit | None,
        desired: Desired,
        known: Mapping[str, TargetState],
        ended: Mapping[str, SessionsState],
    ) -> Place:
        kind = intent.kind
        usable = able(self.targets, UPDATE) if kind is OperationKind.UPDATE else self.targets
        wanted = desired.targets_of(kind, known, again=intent.again)
        targets = frozenset(target.name for target in usable if target.name in wanted)
        left = frozenset(name for name, state in ended.items() if state is SessionsState.OPEN)
        return Place(
            targets=targets,
            joins=desired.joins(kind, known),
            sessions=self._sessions(kind, targets, desired.ended_by(kind, ended)) | self._configured(left),
            left=left,
            channels=desired.channels,
            entitlements=desired.entitlements_after(kind),
            parent=parent,
        )

    def _sessions(self, kind: OperationKind, changed: frozenset[str], others: frozenset[str]) -> frozenset[str]:
        """Return the names of the targets on which an operation ends sessions.

        Args:

            kind: The kind of the operation.

            changed: The names of the targets that it changes.

            others: The names of those that hold no accounts.
        """
        if not KINDS[kind].ends_sessions:
            return frozenset()
        return frozenset(
            target.name
            for target in self.session_targets
            if target.name in (changed if target.holds_accounts else others)
        )

    def _configured(self, names: frozenset[str]) -> frozenset[str]:
        return names & {target.name for target in self.session_targets}

    def _at(self, place: Place) -> list[Target]:
        return [target for target in self.targets if target.name in place.targets]

    def _channels(self, place: Place) -> list[Channel]:
        return [channel for channel in self.channels if place.channels is None or channel.name in place.channels]

    def _deliverers(self, place: Place) -> list[Channel]:
        return able(self._channels(place), DELIVER)


def _target_steps(target: Target, hook: str) -> Iterable[Step]:
    change = _target_step(target, hook)
    return [change] if change.error else [change, _target_step(target, PROBE)]


def _target_step(target: Target, hook: str) -> Step:
    if error := target.lacks(hook):
        return Step(name=target.name, hook=hook, outcome=Outcome.NOT_APPLIED, error=step_error(error))
    return Step(name=target.name, hook=hook)
