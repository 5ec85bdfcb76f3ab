"""Decides whether the clock is plausible, compared with the last use of the store.

A clock that is wrong for one moment must not rotate, close or suppress anything for a year. Therefore a sweep runs only
if its time is plausible, and times that were stored while the clock was ahead are corrected.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from provisioner.core.api.errors import ClockError
from provisioner.core.model.days import days_text

#: The maximum time without any activity before a person has to confirm the clock. Monthly sweeps are possible. A site
#: that is switched off for longer, such as a school in summer, needs one confirmation. Times that were stored while the
#: clock was ahead by less are corrected when it is right again.
LONGEST_REST = timedelta(days=45)

#: The maximum time that the clock may go back. Clocks of several machines, and time zones, differ by less.
FURTHEST_BACK = timedelta(days=1)


@attrs.frozen(kw_only=True)
class KnownTimes:
    """The times at which the store was used."""

    #: The last time that is plausible or that a person has confirmed.
    trusted_at: datetime
    #: The latest time at which anything was written, plausible or not.
    latest_at: datetime

    def after(self, time: datetime) -> KnownTimes:
        """Return the times after a write at *time*."""
        trusted_at = self.trusted_at if self.objection(time) else max(self.trusted_at, time)
        return KnownTimes(trusted_at=trusted_at, latest_at=max(self.latest_at, time))

    def objection(self, now: datetime) -> ClockError | None:
        """Return why the time *now* is not plausible; ``None`` if it is."""
        if now > self.trusted_at + LONGEST_REST:
            return ClockError(
                "the clock is {days} ahead of the last time that the store was used: {now}, {last}",
                cure="set the clock; if it is already right, for example after a summer break without any run, run "
                "'provisioner policy sweep --clock-is-right' once",
                days=days_text((now - self.trusted_at).days),
                now=now,
                last=self.trusted_at,
            )
        if now < self.trusted_at - FURTHEST_BACK:
            return ClockError(
                "the clock is {days} behind the last time that the store was used: {now}, {last}",
                cure="set the clock; if it is already right, run 'provisioner policy sweep --clock-is-right' once",
                days=days_text((self.trusted_at - now).days),
                now=now,
                last=self.trusted_at,
            )
        return None

    def has_future(self, now: datetime) -> bool:
        """Whether something was written at a time in the future."""
        return self.latest_at > now + FURTHEST_BACK
