"""Makes sure that everything the work needs is there, before the first write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from provisioner.core.api.errors import CircuitOpenError, InputError, NotReadyError, Problem, TargetError
from provisioner.core.api.kinds import KINDS
from provisioner.core.api.messages import CheckChannel
from provisioner.core.engine.allowances import Allowances
from provisioner.core.engine.context import EngineContext
from provisioner.core.engine.plan import PlannedOperation
from provisioner.core.gateways.gateway import Channel, Target
from provisioner.core.gateways.maintenance import Calendar
from provisioner.core.model import Person
from provisioner.core.model.text import Text


def preflight(work: Sequence[PlannedOperation], context: EngineContext, calendar: Calendar) -> Sequence[TargetError]:
    """See :meth:`Engine.preflight <provisioner.core.engine.engine.Engine.preflight>`."""
    calendar.look()
    delivering = [
        planned for planned in work if KINDS[planned.operation.kind].delivers and not planned.only_ends_sessions
    ]
    optional = [target for target in context.session_targets if not target.holds_accounts]
    checks: list[Callable[[], Sequence[Problem]]] = [
        partial(_check_target, target.check if "target_check" in target.hooks else target.expect_no_quarantine)
        for target in (*context.targets, *optional)
        if target.maintenance() is None and _is_needed(target, work)
    ]
    if receiving := [planned for planned in delivering if planned.holder]:
        checks.append(partial(_check_channels, context.deliverers, receiving, context.allowances))
    problems, errors = _all(checks)
    needed = [error for error in errors if error.target not in {target.name for target in optional}]
    if needed and (delivering or not work):
        raise NotReadyError(needed)
    if problems:
        raise InputError(problems)
    return errors


def _is_needed(target: Target, work: Sequence[PlannedOperation]) -> bool:
    return not work or any(planned.concerns(target.name) or target.name in planned.sessions for planned in work)


def _check_channels(
    deliverers: Sequence[Channel], receiving: Sequence[PlannedOperation], allowances: Allowances
) -> list[Problem]:
    """Return who can't be reached over any working channel; one working channel is sufficient."""
    unreachable: dict[str, dict[str, str | Text]] = {}
    errors: dict[str, TargetError] = {}
    for channel in (deliverer for deliverer in deliverers if deliverer.maintenance() is None):
        if recipients := _recipients(channel, receiving):
            try:
                allowances.require(channel.name)
                unreachable[channel.name] = _unreachable(channel, recipients)
            except TargetError as error:
                errors[channel.name] = error
    for planned in receiving:
        if not _usable(planned, unreachable) and (failing := _usable(planned, errors)):
            raise NotReadyError([errors[name] for name in failing])
    return [
        Problem(subject=person, field="mobile", message=Text("{why}", {"why": why}))
        for person, why in _nowhere(receiving, unreachable).items()
    ]


def _recipients(channel: Channel, receiving: Sequence[PlannedOperation]) -> tuple[Person, ...]:
    """Return the persons for whose accounts a channel may be used, each once."""
    found = (planned.recipient for planned in receiving if planned.may_use(channel.name))
    return tuple({person.id: person for person in found}.values())


def _usable(planned: PlannedOperation, channels: Iterable[str]) -> list[str]:
    return [name for name in channels if planned.may_use(name)]


def _nowhere(
    receiving: Sequence[PlannedOperation], unreachable: Mapping[str, Mapping[str, str | Text]]
) -> Mapping[str, str | Text]:
    """Return why persons can't be reached over any channel for one of their accounts, by ID."""
    found = {}
    for planned in receiving:
        person, channels = planned.recipient.id, _usable(planned, unreachable)
        if channels and all(person in unreachable[name] for name in channels):
            found[person] = unreachable[channels[0]][person]
    return found


def _unreachable(channel: Channel, recipients: tuple[Person, ...]) -> dict[str, str | Text]:
    """Return who can't be reached over a channel, by ID; a channel without a check may reach everybody."""
    if "channel_check" not in channel.hooks:
        channel.expect_no_quarantine()
        return {}
    try:
        return _refused_by(channel, recipients)
    except CircuitOpenError:
        raise
    except TargetError as error:
        return _told_apart(channel, recipients, error)


def _refused_by(channel: Channel, recipients: tuple[Person, ...]) -> dict[str, str | Text]:
    return dict(channel.check(CheckChannel(recipients=recipients)).unreachable)


def _told_apart(channel: Channel, recipients: tuple[Person, ...], error: TargetError) -> dict[str, str | Text]:
    """Return who can't be reached over a channel whose check fails only for some of these people.

    Raises:

        TargetError: The check fails without them too, so the channel doesn't work.
    """
    try:
        channel.check(CheckChannel())
    except TargetError:
        raise error from None
    found = _searched(channel, recipients, error)
    channel.check(CheckChannel())  # so that the breaker stores that it works
    return found


def _searched(channel: Channel, recipients: tuple[Person, ...], error: TargetError) -> dict[str, str | Text]:
    """Split the recipients repeatedly until those for whom the check fails are found."""
    if len(recipients) == 1:
        return {recipients[0].id: error.text}
    middle, found = len(recipients) // 2, dict[str, str | Text]()
    for half in (recipients[:middle], recipients[middle:]):
        try:
            found |= _refused_by(channel, half)
        except TargetError as failure:
            found |= _searched(channel, half, failure)
    return found


def _check_target(check: Callable[[], object]) -> list[Problem]:
    check()
    return []


def _all(checks: Sequence[Callable[[], Sequence[Problem]]]) -> tuple[list[Problem], list[TargetError]]:
    """Run all checks at the same time, and collect their findings and errors."""
    problems: list[Problem] = []
    errors: list[TargetError] = []
    with ThreadPoolExecutor(len(checks) or 1, thread_name_prefix="preflight") as pool:
        for future in [pool.submit(check) for check in checks]:
            try:
                problems += future.result()
            except NotReadyError as error:
                errors += error.errors
            except TargetError as error:
                errors.append(error)
    return problems, errors
