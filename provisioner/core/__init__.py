"""The domain and the engine.

Where to find things: :mod:`~provisioner.core.model` has the nouns, :mod:`~provisioner.core.api.errors` every error,
:mod:`~provisioner.core.api.hookspecs` what a plug-in can do and :mod:`~provisioner.core.api.messages` what it is given;
:mod:`~provisioner.core.gateways.plugins` loads plug-ins and :mod:`~provisioner.core.gateways.gateway` calls them;
:mod:`~provisioner.core.engine.planner` turns wishes into a :mod:`~provisioner.core.engine.plan`, which
:mod:`~provisioner.core.engine.engine` carries out for many accounts and :mod:`~provisioner.core.engine.execution` for one;
:mod:`~provisioner.core.api.events` are what it writes into the :mod:`~provisioner.core.engine.ports`.
"""
