"""Whether the clock can be believed, as far as that shows from when the store was used before.

A clock that is wrong for one moment must not renew, close or silence anything for a year. So a sweep goes on only if
its time fits with what came before, and times that were stored by a clock that was ahead are not believed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from provisioner.core.api.errors import ClockError

#: How long nothing may have happened before somebody has to say that the clock is right. Monthly sweeps go on; a site
#: that is switched off for longer, as a school's may be in summer, is asked once. What is stored by a clock that is
#: ahead by less is corrected when it is right again.
LONGEST_REST = timedelta(days=45)

#: How far the clock may go back. Clocks of several machines differ by less, and so do time zones.
FURTHEST_BACK = timedelta(days=1)


@attrs.frozen(kw_only=True)
class KnownTimes:
    """When the store was used."""

    #: The last time that fits with those before it, or that somebody has confirmed.
    trusted_at: datetime
    #: The latest time that anything was written with, whether it fits or not.
    latest_at: datetime

    def after(self, time: datetime) -> KnownTimes:
        """Return what is known once something was written at *time*."""
        trusted_at = self.trusted_at if self.objection(time) else max(self.trusted_at, time)
        return KnownTimes(trusted_at=trusted_at, latest_at=max(self.latest_at, time))

    def objection(self, now: datetime) -> ClockError | None:
        """Return why a clock that says *now* is not believed; ``None`` if it is."""
        if now > self.trusted_at + LONGEST_REST:
            return ClockError(
                "the clock is {days} days ahead of the last time that the store was used: {now}, {last}",
                cure="if it is right, because nothing ran for so long, as in a summer break, run 'provisioner policy"
                " sweep --clock-is-right' once; otherwise set the clock",
                days=(now - self.trusted_at).days,
                now=now,
                last=self.trusted_at,
            )
        if now < self.trusted_at - FURTHEST_BACK:
            return ClockError(
                "the clock is {days} days behind the last time that the store was used: {now}, {last}",
                cure="set the clock; if it is right, run 'provisioner policy sweep --clock-is-right' once",
                days=(self.trusted_at - now).days,
                now=now,
                last=self.trusted_at,
            )
        return None

    def has_future(self, now: datetime) -> bool:
        """Whether something was written at a time that has not come yet."""
        return self.latest_at > now + FURTHEST_BACK
