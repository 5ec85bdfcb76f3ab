"""A plug-in based framework that opens, closes, rotates and hands over the accounts of organisational units."""

from provisioner.core.hookspecs import hookimpl
from provisioner.core.model import Account, Outcome, Person, Unit
from provisioner.core.requests import AccountReport, DeliveryReceipt, DeliveryState, Presence, Receipt
from provisioner.core.secret import Secret

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
]
