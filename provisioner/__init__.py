"""A plug-in based framework that opens, closes, rotates and hands over the accounts of organisational units."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioner.core.api.fencing import require_lease
    from provisioner.core.api.hookspecs import hookimpl
    from provisioner.core.api.messages import AccountReport, DeliveryReceipt, DeliveryState, Presence, Receipt
    from provisioner.core.model import Account, Outcome, Person, Unit
    from provisioner.core.model.secret import Secret
else:
    # The names are imported when they are first used: the command line imports this package too, and is to be quick.

    _HOMES = {
        "api.fencing": ("require_lease",),
        "api.hookspecs": ("hookimpl",),
        "model": ("Account", "Outcome", "Person", "Unit"),
        "api.messages": ("AccountReport", "DeliveryReceipt", "DeliveryState", "Presence", "Receipt"),
        "model.secret": ("Secret",),
    }

    def __getattr__(name: str) -> object:
        from importlib import import_module

        for home, names in _HOMES.items():
            if name in names:
                value = globals()[name] = getattr(import_module(f"provisioner.core.{home}"), name)
                return value
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = [
    "Account",
    "AccountReport",
    "DeliveryReceipt",
    "DeliveryState",
    "Outcome",
    "Person",
    "Presence",
    "Receipt",
    "Secret",
    "Unit",
    "hookimpl",
    "require_lease",
]
