from __future__ import annotations

import inspect
import ssl

import pytest
from ldap3.core import exceptions as native
from ldap3.core import results

from provisioner.core.api.errors import (
    ForbiddenError,
    MisconfiguredError,
    RefusedError,
    SecretRefusedError,
    TargetError,
    TransientError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner_ldap.errors import (
    EXCEPTIONS,
    POLICY_ERRORS,
    RESULTS,
    SUCCESS,
    ErrorMeaning,
    LdapResult,
    from_answer,
    from_exception,
    meaning,
)
from provisioner_ldap.ppolicy import PolicyError

#: Results that mean a success of one kind or another, and are never asked for here.
SUCCESSES = {SUCCESS, results.RESULT_COMPARE_FALSE, results.RESULT_COMPARE_TRUE}

#: ldap3 raises these only by a class derived from them.
ROOTS = {native.LDAPException, native.LDAPExceptionError}

NATIVE = {
    cls
    for _, cls in inspect.getmembers(native, inspect.isclass)
    if issubclass(cls, native.LDAPException) and cls not in ROOTS
}


def raised(cls: type[Exception]) -> Exception:
    """Make an exception without ldap3's constructors, which want all sorts of things."""
    return cls.__new__(cls)


@pytest.mark.parametrize("cls", sorted(NATIVE, key=str))
def test_every_exception_of_ldap3_has_a_meaning_of_its_own(cls: type[Exception]) -> None:
    """A class that a new ldap3 brings must be thought about, not fall through to the last row."""
    row: type[Exception] = next(kind for kind in EXCEPTIONS if issubclass(cls, kind))

    assert row is not Exception


def test_no_row_is_hidden_by_one_above_it() -> None:
    rows = list(EXCEPTIONS)
    hidden = [
        (lower.__name__, upper.__name__)
        for number, lower in enumerate(rows)
        for upper in rows[:number]
        if issubclass(lower, upper) and EXCEPTIONS[lower] is not EXCEPTIONS[upper]
    ]

    assert hidden == []


@pytest.mark.parametrize("code", sorted(set(results.RESULT_CODES) - SUCCESSES))
def test_every_result_code_has_a_meaning(code: int) -> None:
    kind, _ = RESULTS[code]

    assert issubclass(kind, TargetError)
    assert kind is not UnknownOutcomeError


def test_a_result_code_that_nobody_knows_is_no_success() -> None:
    assert isinstance(from_answer(LdapResult(server="ldap://a", code=4711, message="")), TransientError)


@pytest.mark.parametrize("error", PolicyError)
def test_every_policy_error_has_a_meaning(error: PolicyError) -> None:
    kind, _ = POLICY_ERRORS[error]

    assert issubclass(kind, TargetError)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (LdapResult(server="a", code=19, message="quality", policy=PolicyError.PASSWORD_TOO_SHORT), SecretRefusedError),
        (LdapResult(server="a", code=19, message="young", policy=PolicyError.PASSWORD_TOO_YOUNG), RefusedError),
        (
            LdapResult(server="a", code=50, message="old", policy=PolicyError.MUST_SUPPLY_OLD_PASSWORD),
            MisconfiguredError,
        ),
        (LdapResult(server="a", code=19, message="no control came with it"), SecretRefusedError),
        (LdapResult(server="a", code=50, message="no rights"), ForbiddenError),
    ],
)
def test_the_policy_speaks_louder_than_the_result_code(answer: LdapResult, kind: type[TargetError]) -> None:
    assert type(from_answer(answer, to_password=True)) is kind


def test_an_answer_says_all_it_knows() -> None:
    answer = LdapResult(server="ldap://a", code=19, message="Password fails", policy=PolicyError.PASSWORD_TOO_SHORT)

    assert str(from_answer(answer)) == "ldap://a answered: constraintViolation: Password fails: password too short"


class TestMixedExceptions:
    """ldap3 raises classes that it makes at run time, derived from its own and from that of the cause."""

    def test_a_certificate_decides_whatever_it_is_mixed_into(self) -> None:
        for cls in (native.LDAPSocketOpenError, native.LDAPStartTLSError):
            mixed = type("Mixed", (cls, ssl.SSLCertVerificationError), {})

            assert meaning(raised(mixed)) is ErrorMeaning.CERTIFICATE

    def test_starttls_that_the_network_broke_is_no_wrong_setting(self) -> None:
        mixed = type("Mixed", (native.LDAPStartTLSError, TimeoutError), {})

        assert meaning(raised(mixed)) is ErrorMeaning.LOST
        assert meaning(raised(native.LDAPStartTLSError)) is ErrorMeaning.SETTINGS


@pytest.mark.parametrize(
    ("error", "changing", "kind"),
    [
        (ConnectionResetError(), True, UnknownOutcomeError),
        (ConnectionResetError(), False, UnavailableError),
        (raised(native.LDAPSocketOpenError), True, UnavailableError),
        (raised(native.LDAPSocketSendError), True, UnavailableError),
        (raised(native.LDAPSessionTerminatedByServerError), True, UnknownOutcomeError),
        (raised(native.LDAPSessionTerminatedByServerError), False, UnavailableError),
        (raised(native.LDAPSASLPrepError), True, SecretRefusedError),
        (raised(native.LDAPInvalidValueError), True, RefusedError),
        (raised(native.LDAPInvalidPortError), False, MisconfiguredError),
        (IndexError("in the middle of decoding"), True, UnknownOutcomeError),
    ],
)
def test_what_was_under_way_decides(error: Exception, changing: bool, kind: type[TargetError]) -> None:
    assert type(from_exception(error, server="ldap://a", detail="x", changing=changing)) is kind


def test_the_text_of_an_exception_is_not_repeated() -> None:
    """It may quote the request, and a request may hold a password."""
    error = native.LDAPInvalidValueError("cannot encode 'hunter2'")

    assert "hunter2" not in str(from_exception(error, server="ldap://a", detail="x", changing=True))
