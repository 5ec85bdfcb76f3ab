"""What limits the tries to log in and the use of tokens: one of each for one process."""

from __future__ import annotations

import threading
from datetime import timedelta

from provisioner.config.settings import ConsoleSettings
from provisioner.core.governance.throttle import Throttle


class LogInThrottles:
    """What limits denied log-ins. One process has one, as long as it runs.

    Args:

        settings: How many there may be.
    """

    def __init__(self, settings: ConsoleSettings) -> None:
        self.per_login = Throttle(settings.denied_per_login, settings.denied_within)
        self.per_address = Throttle(settings.denied_per_address, settings.denied_within)
        #: What was written down about throttled log-ins: one entry for each login and address within the period.
        self.noted = Throttle(1, settings.denied_within)
        #: Log-ins that wait for the target at once: half of the threads. If it hangs, the others still answer.
        self.waiting = threading.BoundedSemaphore(max(1, settings.threads // 2))


class TokenThrottles:
    """What limits the use of tokens. One process has one, as long as it runs.

    Args:

        settings: How often they may be used.
    """

    def __init__(self, settings: ConsoleSettings) -> None:
        self.refused = Throttle(settings.denied_per_address, settings.denied_within)
        self.requests = Throttle(settings.requests_per_minute, timedelta(minutes=1))
        #: What was written down about addresses with too many refusals: one entry for each within the period.
        self.noted = Throttle(1, settings.denied_within)
