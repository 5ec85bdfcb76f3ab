"""The mail server in memory leaves open what real ones leave open, and ends what it is told to end."""

from __future__ import annotations

import pytest

from provisioner.core.api.errors import NotAppliedError
from provisioner.core.model import OperationKind, Outcome
from provisioner.testing import samples
from provisioner.testing.memory import MemoryTarget
from provisioner.testing.memory_mail import MemoryMail

LOGIN, OLD, NEW = samples.ACCOUNT.login, samples.SECRET.reveal(), samples.OTHER_SECRET.reveal()
SPELLINGS = (LOGIN, samples.ACCOUNT.mail)


@pytest.fixture(name="directory")
def _directory() -> MemoryTarget:
    directory = MemoryTarget()
    directory.account_create(samples.create())
    return directory


@pytest.fixture(name="mail")
def _mail(directory: MemoryTarget) -> MemoryMail:
    return MemoryMail(directory)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_closure_in_the_directory_leaves_sessions_and_the_cache(
    directory: MemoryTarget, mail: MemoryMail, spelling: str
) -> None:
    session = mail.log_in(spelling, OLD)
    directory.account_close(samples.close())

    assert session
    assert session.is_open
    assert mail.log_in(spelling, OLD)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_nothing_is_open_after_sessions_end(directory: MemoryTarget, mail: MemoryMail, spelling: str) -> None:
    session = mail.log_in(spelling, OLD)
    directory.account_close(samples.close())

    assert mail.sessions_end(samples.end_sessions()).outcome is Outcome.APPLIED
    assert session
    assert not session.is_open
    assert mail.log_in(spelling, OLD) is None
    assert mail.open_sessions(LOGIN) == 0


def test_the_old_password_opens_after_a_rotation_until_the_cache_is_emptied(
    directory: MemoryTarget, mail: MemoryMail
) -> None:
    mail.log_in(LOGIN, OLD)
    directory.account_rotate(samples.rotate())
    assert mail.log_in(LOGIN, OLD)

    mail.sessions_end(samples.end_sessions(OperationKind.ROTATE, samples.OTHER_SECRET))

    assert mail.log_in(LOGIN, OLD) is None
    assert mail.log_in(LOGIN, NEW)


def test_an_account_that_was_unknown_stays_out_until_the_cache_is_emptied() -> None:
    directory = MemoryTarget()
    mail = MemoryMail(directory)
    assert mail.log_in(LOGIN, OLD) is None
    directory.account_create(samples.create())
    assert mail.log_in(LOGIN, OLD) is None

    mail.sessions_end(samples.end_sessions(OperationKind.CREATE, samples.SECRET))

    assert mail.log_in(LOGIN, OLD)


def test_ending_nothing_is_unchanged(mail: MemoryMail) -> None:
    assert mail.sessions_end(samples.end_sessions()).outcome is Outcome.UNCHANGED


def test_a_new_password_that_does_not_open_is_not_reported_as_done(mail: MemoryMail) -> None:
    with pytest.raises(NotAppliedError):
        mail.sessions_end(samples.end_sessions(OperationKind.ROTATE, samples.OTHER_SECRET))
