"""The kinds of operation: one table of everything that depends on the kind only."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType

import attrs

from provisioner.core.api.messages import (
    AccountChange,
    CloseAccount,
    CreateAccount,
    DeleteAccount,
    HandOver,
    RenameAccount,
    RotateSecret,
    UpdateAccount,
)
from provisioner.core.model import Action, OperationKind, TargetState


class OfficerRight(Enum):
    """What an officer needs for an operation that a person requests (001 ¶4). An administrator needs nothing."""

    #: Nothing else.
    ALONE = auto()
    #: An approved access request.
    WITH_REQUEST = auto()
    #: An approved access request, if the account was open before.
    WITH_REQUEST_ONCE_OPENED = auto()
    #: An approved access request, unless another person has named the new custodian in the unit's data.
    WITH_REQUEST_UNLESS_CUSTODIAN = auto()
    #: Only an administrator may do it.
    NEVER = auto()


@attrs.frozen(kw_only=True)
class KindSpec:
    """The properties of a kind of operation."""

    #: The message to each target.
    message: type[AccountChange]
    #: The hook that carries out the message.
    hook: str
    #: The state of the account on each target afterwards. It determines what the engine verifies: ``OPEN`` by a log-in
    #: with the new password, ``CLOSED`` by a probe that no log-in is possible, ``ABSENT`` by a probe that the account
    #: is deleted. ``None``: the state stays as it is, and a probe must find nothing left to change.
    leaves: TargetState | None
    #: Whether it changes the account as a whole: its state, its holder or its password. An operation that doesn't only
    #: adapts targets to the account.
    alters: bool = True
    #: Whether the account is open before as well.
    renews: bool = False
    #: Whether it sets attributes of the account, and so may change existing values.
    sets_attributes: bool = False
    #: Whether it moves the account to the container of its unit, on targets that have containers. What sets a password
    #: does so only if the unit moves at the same time.
    moves: bool = False
    #: The kinds of unfinished operations that it replaces.
    supersedes: frozenset[OperationKind]
    #: What an officer needs for it.
    officer: OfficerRight
    #: The action of a rule that requires it, if there is one.
    action: Action | None = None
    #: The names of what the message carries.
    carries: tuple[str, ...] = attrs.field(init=False)

    @carries.default
    def _fields_of_message(self) -> tuple[str, ...]:
        return tuple(attrs.fields_dict(self.message))

    @property
    def delivers(self) -> bool:
        """Whether a new password is generated, tested and delivered."""
        return self.leaves is TargetState.OPEN

    @property
    def closes(self) -> bool:
        """Whether nobody can log in afterwards, on the targets of the operation."""
        return self.leaves in {TargetState.CLOSED, TargetState.ABSENT}

    @property
    def ends_sessions(self) -> bool:
        """Whether open sessions of the account have to end afterwards."""
        return self.leaves is not None

    @property
    def opens(self) -> bool:
        """Whether it opens an account that is not open."""
        return self.delivers and not self.renews

    @property
    def needs_holder(self) -> bool:
        """Whether the holder must be known: to receive the password, or to be written to the targets."""
        return self.delivers or "holder" in self.carries


_ADAPTING = frozenset({OperationKind.UPDATE, OperationKind.WITHDRAW})
_NOT_RENEWING = _ADAPTING | {OperationKind.CREATE, OperationKind.REOPEN, OperationKind.CLOSE, OperationKind.DELETE}

#: The properties of each kind. A new kind needs an entry here, its message and its hook in this package, and its method
#: in the planner. A rotation or a handover doesn't replace an opening or a closure, because the account may not exist.
KINDS: Mapping[OperationKind, KindSpec] = MappingProxyType(
    {
        OperationKind.CREATE: KindSpec(
            message=CreateAccount,
            hook="account_create",
            leaves=TargetState.OPEN,
            sets_attributes=True,
            supersedes=_NOT_RENEWING,
            officer=OfficerRight.WITH_REQUEST_ONCE_OPENED,
        ),
        OperationKind.ROTATE: KindSpec(
            message=RotateSecret,
            hook="account_rotate",
            leaves=TargetState.OPEN,
            renews=True,
            supersedes=_ADAPTING | {OperationKind.ROTATE},
            officer=OfficerRight.WITH_REQUEST,
            action=Action.ROTATE,
        ),
        OperationKind.REOPEN: KindSpec(
            message=CreateAccount,
            hook="account_create",
            leaves=TargetState.OPEN,
            sets_attributes=True,
            moves=True,
            supersedes=_NOT_RENEWING,
            officer=OfficerRight.WITH_REQUEST,
        ),
        OperationKind.CLOSE: KindSpec(
            message=CloseAccount,
            hook="account_close",
            leaves=TargetState.CLOSED,
            supersedes=frozenset(OperationKind),
            officer=OfficerRight.ALONE,
            action=Action.CLOSE,
        ),
        OperationKind.HANDOVER: KindSpec(
            message=HandOver,
            hook="account_handover",
            leaves=TargetState.OPEN,
            renews=True,
            sets_attributes=True,
            moves=True,
            supersedes=_ADAPTING | {OperationKind.ROTATE, OperationKind.HANDOVER},
            officer=OfficerRight.WITH_REQUEST_UNLESS_CUSTODIAN,
        ),
        OperationKind.DELETE: KindSpec(
            message=DeleteAccount,
            hook="account_delete",
            leaves=TargetState.ABSENT,
            supersedes=frozenset({OperationKind.DELETE}),
            officer=OfficerRight.NEVER,
            action=Action.DELETE,
        ),
        OperationKind.UPDATE: KindSpec(
            message=UpdateAccount,
            hook="account_update",
            leaves=None,
            alters=False,
            sets_attributes=True,
            moves=True,
            supersedes=frozenset({OperationKind.UPDATE}),
            officer=OfficerRight.ALONE,
        ),
        OperationKind.WITHDRAW: KindSpec(
            message=CloseAccount,
            hook="account_close",
            leaves=TargetState.CLOSED,
            alters=False,
            supersedes=_ADAPTING,
            officer=OfficerRight.ALONE,
        ),
    }
)

#: The hook that carries out a message. The last one is a part of operations of several kinds.
HOOKS: Mapping[type[AccountChange], str] = {
    **{spec.message: spec.hook for spec in KINDS.values()},
    RenameAccount: "account_rename",
}

#: The kind of operation that the action of a rule requires; the other actions require none.
KIND_OF_ACTION: Mapping[Action, OperationKind] = {spec.action: kind for kind, spec in KINDS.items() if spec.action}
