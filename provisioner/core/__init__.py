"""The domain and the engine.

Where to find things: :mod:`~provisioner.core.model` has the nouns, :mod:`~provisioner.core.errors` every error,
:mod:`~provisioner.core.hookspecs` what a plug-in can do and :mod:`~provisioner.core.requests` what it is given;
:mod:`~provisioner.core.plugins` loads plug-ins and :mod:`~provisioner.core.gateway` calls them;
:mod:`~provisioner.core.planner` turns wishes into a :mod:`~provisioner.core.plan`, which
:mod:`~provisioner.core.engine` carries out for many accounts and :mod:`~provisioner.core.execution` for one;
:mod:`~provisioner.core.events` are what it writes into the :mod:`~provisioner.core.journal`.
"""
