"""The domain and the engine, in layers: each folder imports only from those above it in this list.

:mod:`~provisioner.core.model`
    The nouns: units, persons, accounts, operations, secrets.
:mod:`~provisioner.core.api`
    What plug-ins import: hooks, messages, errors, events and rules.
:mod:`~provisioner.core.gateways`
    Loads plug-ins and calls them, with retries and circuit breakers.
:mod:`~provisioner.core.engine`
    Plans operations and carries them out, one account at a time, and writes events to its
    :class:`~provisioner.core.engine.ports.Journal`.
:mod:`~provisioner.core.policy`, :mod:`~provisioner.core.governance`
    What rules demand, and when; and who may do what. Neither imports the other.
"""
