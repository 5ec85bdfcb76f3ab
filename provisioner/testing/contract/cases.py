"""Each change of an account, with what must be true before it and after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from provisioner.core.api.kinds import HOOKS
from provisioner.core.api.messages import AccountChange, Presence
from provisioner.core.model import Account
from provisioner.testing.contract.sandbox import Sandbox, Situation


@attrs.frozen(kw_only=True)
class Case:
    """One change that is about to be made."""

    account: Account
    request: AccountChange
    before: Situation
    after: Situation

    @property
    def hook(self) -> str:
        """The hook that makes it."""
        return HOOKS[type(self.request)]


def _create(sandbox: Sandbox) -> Case:
    account, new = sandbox.account(), sandbox.make_secret()
    return Case(
        account=account,
        request=sandbox.creating(account, new),
        before=Situation(presence=Presence.ABSENT, dead=(new,)),
        after=Situation(presence=Presence.ENABLED, secret=new),
    )


def _create_again(sandbox: Sandbox) -> Case:
    (account, old), new = sandbox.opened(), sandbox.make_secret()
    return Case(
        account=account,
        request=sandbox.creating(account, new),
        before=Situation(presence=Presence.ENABLED, secret=old, dead=(new,)),
        after=Situation(presence=Presence.ENABLED, secret=new, dead=(old,)),
    )


def _reopen(sandbox: Sandbox) -> Case:
    (account, old), new = sandbox.closed(), sandbox.make_secret()
    return Case(
        account=account,
        request=sandbox.creating(account, new),
        before=Situation(presence=Presence.DISABLED, dead=(old, new)),
        after=Situation(presence=Presence.ENABLED, secret=new, dead=(old,)),
    )


def _close(sandbox: Sandbox) -> Case:
    account, secret = sandbox.opened()
    return Case(
        account=account,
        request=sandbox.closing(account),
        before=Situation(presence=Presence.ENABLED, secret=secret),
        after=Situation(presence=Presence.DISABLED, dead=(secret,)),
    )


def _rotate(sandbox: Sandbox) -> Case:
    (account, old), new = sandbox.opened(), sandbox.make_secret()
    return Case(
        account=account,
        request=sandbox.rotating(account, new),
        before=Situation(presence=Presence.ENABLED, secret=old, dead=(new,)),
        after=Situation(presence=Presence.ENABLED, secret=new, dead=(old,)),
    )


def _rotate_closed(sandbox: Sandbox) -> Case:
    (account, old), new = sandbox.closed(), sandbox.make_secret()
    disabled = Situation(presence=Presence.DISABLED, dead=(old, new))
    return Case(account=account, request=sandbox.rotating(account, new), before=disabled, after=disabled)


def _hand_over(sandbox: Sandbox) -> Case:
    (account, old), new = sandbox.opened(), sandbox.make_secret()
    return Case(
        account=account,
        request=sandbox.handing_over(account, new),
        before=Situation(presence=Presence.ENABLED, secret=old, dead=(new,)),
        after=Situation(presence=Presence.ENABLED, secret=new, dead=(old,)),
    )


def _update(sandbox: Sandbox) -> Case:
    account, secret = sandbox.opened()
    people = sandbox.people
    # What a target keeps of an account: names, or no more than the holder.
    unit = attrs.evolve(people.unit, name=f"{people.unit.name} 2")
    open_ = Situation(presence=Presence.ENABLED, secret=secret)
    request = sandbox.updating(account, unit=unit, holder=people.successor)
    return Case(account=account, request=request, before=open_, after=open_)


def _move(sandbox: Sandbox) -> Case:
    account, secret = sandbox.opened()
    open_ = Situation(presence=Presence.ENABLED, secret=secret)
    return Case(account=account, request=sandbox.moving(account), before=open_, after=open_)


def _delete(sandbox: Sandbox) -> Case:
    account, secret = sandbox.closed()
    return Case(
        account=account,
        request=sandbox.deleting(account),
        before=Situation(presence=Presence.DISABLED, dead=(secret,)),
        after=Situation(presence=Presence.ABSENT, dead=(secret,)),
    )


#: The changes that each hook is for, in a word or two: its name, the hook, and what prepares it.
CASES: Mapping[str, tuple[str, Callable[[Sandbox], Case]]] = {
    "create": ("account_create", _create),
    "create again": ("account_create", _create_again),
    "reopen": ("account_create", _reopen),
    "close": ("account_close", _close),
    "rotate": ("account_rotate", _rotate),
    "rotate closed": ("account_rotate", _rotate_closed),
    "handover": ("account_handover", _hand_over),
    "update": ("account_update", _update),
    "move": ("account_rename", _move),
    "delete": ("account_delete", _delete),
}

#: One change for each hook.
PLAIN = ("create", "close", "rotate", "handover", "update", "move", "delete")


def prepared(name: str, sandbox: Sandbox) -> Case:
    """Bring an account to where this change begins; skip the check if the target cannot make the change."""
    hook, prepare = CASES[name]
    sandbox.needs(hook)
    return prepare(sandbox)
