"""The health check: one result for every part, whatever fails.

:mod:`~provisioner.services.health_check.run`
    Checks everything, in this order.
:mod:`~provisioner.services.health_check.configuration`
    The configuration, the libraries and the passwords.
:mod:`~provisioner.services.health_check.storage`
    The store, the clock and the operations that have not ended.
:mod:`~provisioner.services.health_check.authority`
    Who may give roles.
:mod:`~provisioner.services.health_check.provider`
    The OpenID provider with which people log in to the console.
:mod:`~provisioner.services.health_check.rules`
    The rule sets, and what they watch.
:mod:`~provisioner.services.health_check.systems`
    The targets and channels.
:mod:`~provisioner.services.health_check.scopes`
    The accounts that are not on the targets on which they belong.
:mod:`~provisioner.services.health_check.comparisons`
    The last comparison of each target.
"""

from provisioner.services.health_check.results import CheckResult, CheckStatus
from provisioner.services.health_check.run import HealthCheck

__all__ = ["CheckResult", "CheckStatus", "HealthCheck"]
