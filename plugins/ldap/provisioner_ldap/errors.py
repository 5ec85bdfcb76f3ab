"""What the exceptions of ldap3 and the answers of directories mean, in the product's own errors.

:data:`EXCEPTIONS`, :data:`RESULTS` and :data:`POLICY_ERRORS` are the whole of it.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from enum import Enum, auto

import attrs
from ldap3.core import exceptions as native
from ldap3.core import results

from provisioner.core.api.errors import (
    ConflictError,
    ForbiddenError,
    MisconfiguredError,
    MissingError,
    RefusedError,
    SecretRefusedError,
    TargetError,
    ThrottledError,
    TransientError,
    UnavailableError,
    UnknownOutcomeError,
    UnsupportedError,
)
from provisioner.core.model.text import marked
from provisioner_ldap.ppolicy import PolicyError

#: The result code of a success.
SUCCESS = 0


class ErrorMeaning(Enum):
    """What an exception says of the request that was under way."""

    #: Certificate verification fails.
    CERTIFICATE = auto()
    #: The request did not leave this machine as a whole.
    NOT_SENT = auto()
    #: It was sent, if there was one, and no usable answer came.
    LOST = auto()
    #: Our settings are wrong.
    SETTINGS = auto()
    #: The password cannot be sent.
    SECRET = auto()
    #: Another value cannot be sent.
    VALUE = auto()


#: What each exception means, with all that are derived from it. The first row that fits counts.
EXCEPTIONS: Mapping[type[Exception], ErrorMeaning] = {
    # ldap3 mixes the class of the cause into its own classes; these two decide, whatever they are mixed into.
    ssl.SSLCertVerificationError: ErrorMeaning.CERTIFICATE,
    native.LDAPCertificateError: ErrorMeaning.CERTIFICATE,
    native.LDAPSocketOpenError: ErrorMeaning.NOT_SENT,
    native.LDAPSocketSendError: ErrorMeaning.NOT_SENT,
    native.LDAPUnknownRequestError: ErrorMeaning.VALUE,
    native.LDAPCommunicationError: ErrorMeaning.LOST,
    native.LDAPResponseTimeoutError: ErrorMeaning.LOST,
    native.LDAPMaximumRetriesError: ErrorMeaning.LOST,
    native.LDAPTransactionError: ErrorMeaning.LOST,
    native.LDAPExtensionError: ErrorMeaning.LOST,
    native.LDAPControlError: ErrorMeaning.LOST,
    native.LDAPSignatureVerificationFailedError: ErrorMeaning.LOST,
    native.LDAPOperationResult: ErrorMeaning.LOST,
    native.LDAPConfigurationError: ErrorMeaning.SETTINGS,
    native.LDAPSSLNotSupportedError: ErrorMeaning.SETTINGS,
    native.LDAPInvalidTlsSpecificationError: ErrorMeaning.SETTINGS,
    native.LDAPInvalidHashAlgorithmError: ErrorMeaning.SETTINGS,
    native.LDAPBindError: ErrorMeaning.SETTINGS,
    native.LDAPInvalidServerError: ErrorMeaning.SETTINGS,
    native.LDAPSASLMechanismNotSupportedError: ErrorMeaning.SETTINGS,
    native.LDAPSASLBindInProgressError: ErrorMeaning.SETTINGS,
    native.LDAPConnectionIsReadOnlyError: ErrorMeaning.SETTINGS,
    native.LDAPServerPoolExhaustedError: ErrorMeaning.SETTINGS,
    native.LDAPServerPoolError: ErrorMeaning.SETTINGS,
    native.LDAPConnectionPoolNameIsMandatoryError: ErrorMeaning.SETTINGS,
    native.LDAPConnectionPoolNotStartedError: ErrorMeaning.SETTINGS,
    native.LDAPInvalidPortError: ErrorMeaning.SETTINGS,
    native.LDAPUserNameNotAllowedError: ErrorMeaning.SETTINGS,
    native.LDAPUserNameIsMandatoryError: ErrorMeaning.SETTINGS,
    native.LDAPInvalidDnError: ErrorMeaning.SETTINGS,
    native.LDAPSASLPrepError: ErrorMeaning.SECRET,
    native.LDAPPasswordIsMandatoryError: ErrorMeaning.SECRET,
    native.LDAPCursorError: ErrorMeaning.VALUE,
    native.LDAPKeyError: ErrorMeaning.VALUE,
    native.LDAPObjectError: ErrorMeaning.VALUE,
    native.LDAPAttributeError: ErrorMeaning.VALUE,
    native.LDAPObjectDereferenceError: ErrorMeaning.VALUE,
    native.LDAPChangeError: ErrorMeaning.VALUE,
    native.LDAPInvalidFilterError: ErrorMeaning.VALUE,
    native.LDAPInvalidScopeError: ErrorMeaning.VALUE,
    native.LDAPInvalidDereferenceAliasesError: ErrorMeaning.VALUE,
    native.LDAPInvalidValueError: ErrorMeaning.VALUE,
    native.LDAPLDIFError: ErrorMeaning.VALUE,
    native.LDAPSchemaError: ErrorMeaning.VALUE,
    native.LDAPMetricsError: ErrorMeaning.VALUE,
    native.LDAPObjectClassError: ErrorMeaning.VALUE,
    native.LDAPInfoError: ErrorMeaning.VALUE,
    OSError: ErrorMeaning.LOST,
    # StartTLS that failed for another reason than the network.
    native.LDAPStartTLSError: ErrorMeaning.SETTINGS,
    # Whatever ldap3 trips over while it decodes an answer.
    Exception: ErrorMeaning.LOST,
}

_RIGHTS = "give the service account the rights that the README of the plug-in lists"
_MORE_ENTRIES = marked(
    "let the service account read more entries than there are accounts; the README of the plug-in shows how"
)
_SCHEMA = marked("change object_classes and attributes to match the directory's schema")
_TLS = marked("use ldaps:// or StartTLS: set tls = 'required'")
_CREDENTIALS = marked("correct bind_dn and bind_password")
_WRITABLE = marked("name the servers that accept changes in urls, and the others in replicas")
_POLICY = marked("change the password policy of the directory for these accounts")


class TakenError(ConflictError):
    """An entry has this name, or another entry has a value that only one may have."""


#: What each result code means that is not a success (RFC 4511, appendix A), and the cure where we know one.
RESULTS: Mapping[int, tuple[type[TargetError], str]] = {
    results.RESULT_OPERATIONS_ERROR: (RefusedError, ""),
    results.RESULT_PROTOCOL_ERROR: (UnsupportedError, ""),
    results.RESULT_TIME_LIMIT_EXCEEDED: (TransientError, ""),
    results.RESULT_SIZE_LIMIT_EXCEEDED: (RefusedError, _MORE_ENTRIES),
    results.RESULT_AUTH_METHOD_NOT_SUPPORTED: (MisconfiguredError, marked("let the directory accept simple binds")),
    results.RESULT_STRONGER_AUTH_REQUIRED: (MisconfiguredError, _TLS),
    results.RESULT_RESERVED: (RefusedError, ""),
    results.RESULT_REFERRAL: (ConflictError, marked("remove the referral, or give the account another login")),
    results.RESULT_ADMIN_LIMIT_EXCEEDED: (RefusedError, _MORE_ENTRIES),
    results.RESULT_UNAVAILABLE_CRITICAL_EXTENSION: (UnsupportedError, ""),
    results.RESULT_CONFIDENTIALITY_REQUIRED: (MisconfiguredError, _TLS),
    results.RESULT_SASL_BIND_IN_PROGRESS: (MisconfiguredError, ""),
    # Somebody else changed the entry between our read and our change, or twice within one second.
    results.RESULT_NO_SUCH_ATTRIBUTE: (TransientError, ""),
    results.RESULT_ATTRIBUTE_OR_VALUE_EXISTS: (TransientError, ""),
    results.RESULT_UNDEFINED_ATTRIBUTE_TYPE: (MisconfiguredError, _SCHEMA),
    results.RESULT_INAPPROPRIATE_MATCHING: (MisconfiguredError, _SCHEMA),
    results.RESULT_CONSTRAINT_VIOLATION: (RefusedError, ""),
    results.RESULT_INVALID_ATTRIBUTE_SYNTAX: (
        RefusedError,
        marked("correct the data or the template of the attribute"),
    ),
    results.RESULT_NO_SUCH_OBJECT: (MissingError, ""),
    results.RESULT_ALIAS_PROBLEM: (ConflictError, ""),
    results.RESULT_INVALID_DN_SYNTAX: (MisconfiguredError, marked("correct bind_dn and base_dn")),
    results.RESULT_ALIAS_DEREFERENCING_PROBLEM: (ConflictError, ""),
    results.RESULT_INAPPROPRIATE_AUTHENTICATION: (MisconfiguredError, _CREDENTIALS),
    results.RESULT_INVALID_CREDENTIALS: (MisconfiguredError, _CREDENTIALS),
    # An entry may have access rules of its own.
    results.RESULT_INSUFFICIENT_ACCESS_RIGHTS: (ForbiddenError, _RIGHTS),
    results.RESULT_BUSY: (ThrottledError, ""),
    results.RESULT_UNAVAILABLE: (UnavailableError, ""),
    results.RESULT_UNWILLING_TO_PERFORM: (RefusedError, marked("check whether the directory is read-only")),
    results.RESULT_LOOP_DETECTED: (MisconfiguredError, _WRITABLE),
    results.RESULT_NAMING_VIOLATION: (MisconfiguredError, _SCHEMA),
    results.RESULT_OBJECT_CLASS_VIOLATION: (MisconfiguredError, _SCHEMA),
    results.RESULT_NOT_ALLOWED_ON_NON_LEAF: (ConflictError, marked("move or remove the entries below it")),
    results.RESULT_NOT_ALLOWED_ON_RDN: (MisconfiguredError, _SCHEMA),
    results.RESULT_ENTRY_ALREADY_EXISTS: (TakenError, ""),
    results.RESULT_OBJECT_CLASS_MODS_PROHIBITED: (ConflictError, ""),
    results.RESULT_AFFECT_MULTIPLE_DSAS: (RefusedError, ""),
    results.RESULT_OTHER: (TransientError, marked("check the log of the directory")),
    results.RESULT_LCUP_RESOURCES_EXHAUSTED: (TransientError, ""),
    results.RESULT_LCUP_SECURITY_VIOLATION: (RefusedError, ""),
    results.RESULT_LCUP_INVALID_DATA: (RefusedError, ""),
    results.RESULT_LCUP_UNSUPPORTED_SCHEME: (RefusedError, ""),
    results.RESULT_LCUP_RELOAD_REQUIRED: (RefusedError, ""),
    results.RESULT_CANCELED: (TransientError, ""),
    results.RESULT_NO_SUCH_OPERATION: (RefusedError, ""),
    results.RESULT_TOO_LATE: (RefusedError, ""),
    results.RESULT_CANNOT_CANCEL: (RefusedError, ""),
    results.RESULT_ASSERTION_FAILED: (ConflictError, ""),
    results.RESULT_AUTHORIZATION_DENIED: (MisconfiguredError, _RIGHTS),
    results.RESULT_E_SYNC_REFRESH_REQUIRED: (TransientError, ""),
}

#: The results of a bind that say "this name and this password do not log in", whatever the directory.
NOT_ACCEPTED = frozenset(
    {
        results.RESULT_INVALID_CREDENTIALS,
        results.RESULT_INAPPROPRIATE_AUTHENTICATION,
        results.RESULT_NO_SUCH_OBJECT,
    }
)

#: How a server that takes no changes answers one. One entry alone may be refused in the same words.
REFUSES_CHANGES = frozenset({results.RESULT_REFERRAL, results.RESULT_UNWILLING_TO_PERFORM})

#: How a server that passes requests on answers if it lost the server behind it, which may have made the change.
LEAVES_DOUBT = frozenset({results.RESULT_UNAVAILABLE, results.RESULT_OTHER})

#: What the password policy's own words mean; they are more exact than the result code they come with.
POLICY_ERRORS: Mapping[PolicyError, tuple[type[TargetError], str]] = {
    PolicyError.PASSWORD_EXPIRED: (RefusedError, ""),
    PolicyError.ACCOUNT_LOCKED: (RefusedError, ""),
    PolicyError.CHANGE_AFTER_RESET: (RefusedError, ""),
    PolicyError.PASSWORD_MOD_NOT_ALLOWED: (MisconfiguredError, _POLICY),
    PolicyError.MUST_SUPPLY_OLD_PASSWORD: (MisconfiguredError, _POLICY),
    PolicyError.INSUFFICIENT_PASSWORD_QUALITY: (SecretRefusedError, ""),
    PolicyError.PASSWORD_TOO_SHORT: (SecretRefusedError, ""),
    PolicyError.PASSWORD_TOO_YOUNG: (RefusedError, _POLICY),
    PolicyError.PASSWORD_IN_HISTORY: (SecretRefusedError, ""),
    PolicyError.PASSWORD_TOO_LONG: (SecretRefusedError, ""),
}


@attrs.frozen(kw_only=True)
class LdapResult:
    """The result of one LDAP operation."""

    #: The URL of the server that gave it.
    server: str
    code: int
    #: What the server wrote about it.
    message: str
    policy: PolicyError | None = None

    @property
    def ok(self) -> bool:
        """Whether the server did what it was asked."""
        return self.code == SUCCESS

    def __str__(self) -> str:
        name = results.RESULT_CODES.get(self.code, str(self.code))
        more = [self.policy.name.lower().replace("_", " ")] if self.policy is not None else []
        return ": ".join([name, *([self.message] if self.message else []), *more])


class ReadOnlyServerError(MisconfiguredError):
    """The server takes no changes, so nothing was done; another one of the same directory may take them."""


class NoParentError(MisconfiguredError):
    """The entry above a new one does not exist."""


def no_parent(server: str, dn: str) -> NoParentError:
    """Return the error for an entry that would be below one that does not exist.

    Args:

        server: The URL of the server.

        dn: The name of the new entry.
    """
    return NoParentError(
        "{server} has no parent entry for {dn}",
        cure="create the entry in base_dn, or correct the name",
        server=server,
        dn=dn,
    )


def no_base(server: str, base: str) -> MisconfiguredError:
    """Return the error for accounts that would be below an entry that does not exist.

    Args:

        server: The URL of the server.

        base: The name of that entry.
    """
    return MisconfiguredError(
        "{server} has no entry {base} that the service account may see",
        cure="create it, correct base_dn or base_of_kind, or give the service account access to it",
        server=server,
        base=base,
    )


def hidden(server: str, dn: str) -> ForbiddenError:
    """Return the error for an entry that is there, and of which the service account sees nothing.

    Args:

        server: The URL of the server.

        dn: The name of the entry.
    """
    return ForbiddenError(
        "{server} has an entry {dn} that the service account may not read", cure=_RIGHTS, server=server, dn=dn
    )


def read_only(answer: LdapResult) -> ReadOnlyServerError:
    """Return the error for an answer of a server that takes no changes."""
    return ReadOnlyServerError(
        marked("{server} accepts no changes: {answer}"), cure=_WRITABLE, server=answer.server, answer=str(answer)
    )


def from_answer(answer: LdapResult, *, to_password: bool = False) -> TargetError:
    """Return the error for an answer that is not a success.

    Args:

        answer: The answer.

        to_password: Whether a password was to be set, so that a violated constraint can only be about that.
    """
    kind, cure = RESULTS.get(answer.code, (TransientError, ""))
    if answer.policy is not None:
        kind, cure = POLICY_ERRORS[answer.policy]
    elif to_password and answer.code == results.RESULT_CONSTRAINT_VIOLATION:
        kind = SecretRefusedError
    return kind(marked("{server} answered: {answer}"), cure=cure, server=answer.server, answer=str(answer))


def in_doubt(answer: LdapResult) -> UnknownOutcomeError:
    """Return the error for an answer to a change that may have been made."""
    return UnknownOutcomeError(marked("{server} answered: {answer}"), server=answer.server, answer=str(answer))


#: Results of OpenSSL's verification (X509_V_ERR_…).
_NOT_YET_VALID, _EXPIRED, _SELF_SIGNED = 9, 10, 18
_UNKNOWN_AUTHORITY = frozenset({2, 19, 20, 21})
_OTHER_NAME = frozenset({62, 64})


def certificate_error(server: str, refusal: ssl.SSLCertVerificationError) -> TargetError:
    """Return the error for a certificate that is refused, with the cure for the reason.

    Args:

        server: The URL of the server.

        refusal: What the verification raised.
    """
    code = refusal.verify_code
    if code in _OTHER_NAME:
        return MisconfiguredError(
            "certificate verification failed for {server}: name mismatch",
            cure="name the server in urls as its certificate does, or give it a certificate for this name",
            server=server,
        )
    if code in {_EXPIRED, _NOT_YET_VALID}:
        return MisconfiguredError(
            "certificate verification failed for {server}: it has expired or is not yet valid",
            cure="renew the certificate of the server, and check the clock of this machine",
            server=server,
        )
    if code == _SELF_SIGNED:
        return MisconfiguredError(
            "certificate verification failed for {server}: it is self-signed",
            cure="set ca_file to this certificate, or give the server one from a certification authority",
            server=server,
        )
    if code in _UNKNOWN_AUTHORITY:
        return MisconfiguredError(
            "certificate verification failed for {server}: its certification authority is unknown",
            cure="set ca_file to the certificates of that authority, including intermediate ones",
            server=server,
        )
    return _ours(ErrorMeaning.CERTIFICATE, refusal, server, refusal.verify_message)


def meaning(error: Exception) -> ErrorMeaning:
    """Return what an exception of ldap3 says of the request that was under way."""
    return next(found for kind, found in EXCEPTIONS.items() if isinstance(error, kind))


def from_exception(error: Exception, *, server: str, detail: str, changing: bool) -> TargetError:
    """Return the error for an exception of ldap3.

    Args:

        error: The exception. Its text is not used, because it may quote the request.

        server: The URL of the server.

        detail: What ldap3 noted about the connection.

        changing: Whether the request under way would have changed something.
    """
    found = meaning(error)
    if found is ErrorMeaning.NOT_SENT or (found is ErrorMeaning.LOST and not changing):
        silence = UnavailableError(
            "{server} does not answer: {detail}",
            cure="check that it runs and can be reached over the network",
            server=server,
            detail=detail,
        )
        silence.reached = found is ErrorMeaning.LOST
        return silence
    if found is ErrorMeaning.LOST:
        return UnknownOutcomeError(
            "a change was sent to {server} and no usable answer arrived: {detail}", server=server, detail=detail
        )
    return _ours(found, error, server, detail)


def _ours(found: ErrorMeaning, error: Exception, server: str, detail: str) -> TargetError:
    """Return the error for an exception that has its cause on our side."""
    match found:
        case ErrorMeaning.CERTIFICATE:
            return MisconfiguredError(
                "certificate verification failed for {server}: {detail}",
                cure="set ca_file to the certificates of its issuer, and use the server name in the certificate",
                server=server,
                detail=detail,
            )
        case ErrorMeaning.SETTINGS if isinstance(error, native.LDAPStartTLSError):
            return MisconfiguredError(
                "{server} does not start TLS: {detail}",
                cure="use ldaps:// in urls, or give the server a certificate so that it offers StartTLS",
                server=server,
                detail=detail,
            )
        case ErrorMeaning.SECRET:
            return SecretRefusedError("the password cannot be sent to {server}", server=server)
        case ErrorMeaning.VALUE:
            kind = type(error).__name__
            return RefusedError("a value cannot be sent to {server}: {kind}", server=server, kind=kind)
        case _:
            return MisconfiguredError(
                "{server} cannot be used as it is configured: {detail}",
                cure="check that the directory supports the settings of the target",
                server=server,
                detail=detail,
            )
