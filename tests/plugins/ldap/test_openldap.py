from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from provisioner.core.api.messages import Presence
from provisioner_ldap.entry import Entry
from provisioner_ldap.families.openldap import LOCKED_FOR_GOOD, OpenLdap
from provisioner_ldap.times import generalized_time

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FAMILY = OpenLdap()


def entry(**locks: str) -> Entry:
    return Entry("uid=a", {"uid": (b"a",), **{name.lower(): (value.encode(),) for name, value in locks.items()}})


@pytest.mark.parametrize(
    ("locks", "presence"),
    [
        ({}, Presence.ENABLED),
        ({"pwdEndTime": "20260301120000Z"}, Presence.DISABLED),
        ({"pwdEndTime": "20260301120001Z"}, Presence.ENABLED),
        ({"pwdStartTime": "20260301120001Z"}, Presence.DISABLED),
        ({"pwdStartTime": "20200101000000Z"}, Presence.ENABLED),
        ({"pwdAccountLockedTime": "000001010000Z"}, Presence.DISABLED),
        # After too many wrong passwords: somebody's cat on a keyboard does not close an account.
        ({"pwdAccountLockedTime": "20260301115959Z"}, Presence.ENABLED),
    ],
)
def test_locks_tell_enabled_from_disabled(locks: dict[str, str], presence: Presence) -> None:
    assert FAMILY.presence(entry(**locks), NOW) is presence


def test_an_entry_that_is_not_there_is_absent() -> None:
    assert FAMILY.presence(Entry("uid=a"), NOW) is Presence.ABSENT


def test_an_account_ends_before_now_even_for_a_directory_whose_clock_is_behind() -> None:
    assert FAMILY.disabling(entry(), NOW) == {"pwdEndTime": (b"20260301115500Z",)}


@pytest.mark.parametrize("end", ["20260301115500Z", "20200101000000Z"])
def test_an_earlier_end_is_kept(end: str) -> None:
    assert FAMILY.disabling(entry(pwdEndTime=end), NOW) == {}


def test_a_later_end_is_moved_forward() -> None:
    assert FAMILY.disabling(entry(pwdEndTime="20270101000000Z"), NOW) == {"pwdEndTime": (b"20260301115500Z",)}


def test_a_lock_for_good_is_no_substitute_for_an_end() -> None:
    """The next password that an administrator sets would lift the lock."""
    assert "pwdEndTime" in FAMILY.disabling(entry(pwdAccountLockedTime="000001010000Z"), NOW)


def test_enabling_removes_the_locks_there_are_and_nothing_else() -> None:
    assert FAMILY.enabling(entry()) == {}
    assert FAMILY.enabling(entry(pwdEndTime="20200101000000Z", pwdAccountLockedTime="000001010000Z")) == {
        "pwdEndTime": (),
        "pwdAccountLockedTime": (),
    }


def test_only_a_lock_for_good_is_put_back() -> None:
    assert FAMILY.after_password(entry(pwdAccountLockedTime="20260301115959Z")) == {}
    assert FAMILY.after_password(entry(pwdAccountLockedTime="000001010000Z")) == {
        "pwdAccountLockedTime": (LOCKED_FOR_GOOD,)
    }


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("20260301120000Z", NOW),
        ("20260301120000.123456Z", NOW),
        ("20260301120000,5Z", NOW),
        ("202603011200Z", NOW),
        ("2026030112Z", NOW),
        ("20260301150000+0300", NOW),
        ("20260301093000-0230", NOW),
        ("20260301115959Z", NOW - timedelta(seconds=1)),
        ("000001010000Z", datetime.min.replace(tzinfo=UTC)),
        ("yesterday", datetime.min.replace(tzinfo=UTC)),
        ("00010101000000+1400", datetime.min.replace(tzinfo=UTC)),
    ],
)
def test_times_are_read_as_directories_write_them(text: str, time: datetime) -> None:
    assert generalized_time(text) == time
