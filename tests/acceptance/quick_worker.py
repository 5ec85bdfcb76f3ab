"""The product with short leases, short heartbeats and small chunks, so that tests of workers need not wait for them."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from provisioner.cli import main
from provisioner.services import bootstrap
from provisioner.services.composition import Composition
from provisioner.store import Store
from provisioner.store.queue import chunks, consumer

#: The seconds of a lease.
TTL = 3.0

#: How many operations are in a chunk.
CHUNK = 10


def quicken() -> None:
    """Shorten what a crash of a worker makes others wait for."""
    lease_ttl, takeover_wait = timedelta(seconds=TTL), timedelta(seconds=2 * TTL)
    Store.open.__func__.__kwdefaults__["lease_ttl"] = lease_ttl  # type: ignore[attr-defined]
    setattr(bootstrap, "Composition", partial(Composition, takeover_wait=takeover_wait))  # noqa: B010 - mypy
    chunks.CHUNK, chunks.STALLED_AFTER = CHUNK, 5.0
    consumer.HEARTBEAT, consumer.RESCUE_EVERY, consumer.PAUSE = 1.0, 1.0, 0.5


if __name__ == "__main__":
    quicken()
    main()
