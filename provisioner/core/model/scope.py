"""Where something applies: to which units, and to which of their accounts."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from provisioner.core.model.accounts import Account, AccountKind, Unit

#: How specific a scope is for a unit; the larger value is more specific.
Specificity = tuple[int, bool]


@attrs.frozen(kw_only=True)
class Scope:
    """The units to which a rule set or a target applies."""

    #: The kinds of the units; all if empty.
    kinds: frozenset[str] = frozenset()
    #: The codes of the units at the top of the subtrees; everywhere if empty.
    under: frozenset[str] = frozenset()

    def specificity(self, kind: str, path: Sequence[str]) -> Specificity | None:
        """Return how specific the scope is for a unit; ``None`` if it doesn't apply there.

        Args:

            kind: The unit's kind.

            path: The codes from the unit up to the top.
        """
        if self.kinds and kind not in self.kinds:
            return None
        if not self.under:
            return 0, bool(self.kinds)
        depths = [len(path) - above for above, code in enumerate(path) if code in self.under]
        return (max(depths), bool(self.kinds)) if depths else None


@attrs.frozen(kw_only=True)
class TargetScope:
    """The accounts that exist on a target, or whose passwords a channel delivers."""

    units: Scope = Scope()
    #: The kinds of the accounts; all if empty.
    account_kinds: frozenset[AccountKind] = frozenset()

    @property
    def is_everywhere(self) -> bool:
        """Whether it includes every account."""
        return self == TargetScope()

    def includes(self, account: Account, unit: Unit, path: Sequence[str]) -> bool:
        """Whether an account belongs on the target, or to the channel.

        Args:

            account: The account.

            unit: Its unit.

            path: The codes from the unit up to the top.
        """
        if self.account_kinds and account.kind not in self.account_kinds:
            return False
        return self.units.specificity(unit.kind, path) is not None
