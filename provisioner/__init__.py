"""A plug-in based framework that opens, closes, rotates and hands over the accounts of organisational units."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioner.config.load import load as load_configuration
    from provisioner.core.api.errors import (
        ConfigurationError,
        DeniedError,
        InputError,
        NotReadyError,
        ProvisionerError,
        StoreError,
        TargetError,
    )
    from provisioner.core.api.fencing import require_lease
    from provisioner.core.api.hookspecs import hookimpl
    from provisioner.core.api.messages import (
        AccountPage,
        AccountReport,
        DeliveryReceipt,
        DeliveryState,
        ListedAccount,
        Presence,
        Receipt,
        SessionsReport,
    )
    from provisioner.core.engine.plan import Initiator, Plan
    from provisioner.core.governance.roles import Role
    from provisioner.core.model import Account, OperationKind, OperationState, Outcome, Person, Unit
    from provisioner.core.model.secret import Secret
    from provisioner.services.application import Application
    from provisioner.services.bootstrap import application
    from provisioner.services.health_check import CheckResult, HealthCheck
    from provisioner.services.runs import Run, RunPreview, RunSummary
    from provisioner.services.setup import prepare_store
else:
    # The names are imported when they are first used: the command line imports this package too, and is to be quick.

    _HOMES = {
        "core.api.errors": (
            "ConfigurationError",
            "DeniedError",
            "InputError",
            "NotReadyError",
            "ProvisionerError",
            "StoreError",
            "TargetError",
        ),
        "core.api.fencing": ("require_lease",),
        "core.api.hookspecs": ("hookimpl",),
        "core.api.messages": (
            "AccountPage",
            "AccountReport",
            "DeliveryReceipt",
            "DeliveryState",
            "ListedAccount",
            "Presence",
            "Receipt",
            "SessionsReport",
        ),
        "core.engine.plan": ("Initiator", "Plan"),
        "core.governance.roles": ("Role",),
        "core.model": ("Account", "OperationKind", "OperationState", "Outcome", "Person", "Unit"),
        "core.model.secret": ("Secret",),
        "services.application": ("Application",),
        "services.bootstrap": ("application",),
        "services.health_check": ("CheckResult", "HealthCheck"),
        "services.runs": ("Run", "RunPreview", "RunSummary"),
        "services.setup": ("prepare_store",),
    }

    def __getattr__(name: str) -> object:
        from importlib import import_module

        for home, names in _HOMES.items():
            if name in names:
                value = globals()[name] = getattr(import_module(f"provisioner.{home}"), name)
                return value
        if name == "load_configuration":
            value = globals()[name] = import_module("provisioner.config.load").load
            return value
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = [
    "Account",
    "AccountPage",
    "AccountReport",
    "Application",
    "CheckResult",
    "ConfigurationError",
    "DeliveryReceipt",
    "DeliveryState",
    "DeniedError",
    "HealthCheck",
    "Initiator",
    "InputError",
    "ListedAccount",
    "NotReadyError",
    "OperationKind",
    "OperationState",
    "Outcome",
    "Person",
    "Plan",
    "Presence",
    "ProvisionerError",
    "Receipt",
    "Role",
    "Run",
    "RunPreview",
    "RunSummary",
    "Secret",
    "SessionsReport",
    "StoreError",
    "TargetError",
    "Unit",
    "application",
    "hookimpl",
    "load_configuration",
    "prepare_store",
    "require_lease",
]
