"""Which accounts nothing has shown on a target for long."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from provisioner.core.gateways.gateway import PROBE, Target
from provisioner.core.model import Account
from provisioner.core.reconcile.ports import LONGEST_UNSEEN
from provisioner.store import Store


def not_seen(store: Store, target: Target, now: datetime) -> Iterator[Account]:
    """Yield the accounts that no list, verification or proof has shown on a target for long, by login.

    There are none if the target was compared completely since then, or if it can't be asked about an account.

    Args:

        store: The stored data.

        target: The target.

        now: The time.
    """
    since = now - LONGEST_UNSEEN
    compared = any(since <= comparison.started_at <= now for comparison in store.comparisons.trend(target.name, 1))
    if PROBE in target.hooks and not compared:
        yield from store.last_seen.not_seen(target.name, since, now)
