"""The tables. Each column is named like the field of the model that it keeps.

A holder of an account, or a person in a unit, may be known only to the personnel system; such ids refer to nothing
here.
Tables whose key is a text are kept in the order of that key (``WITHOUT ROWID`` on SQLite).
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    bindparam,
)

from provisioner.core.api.kinds import KINDS
from provisioner.core.governance.access_requests import RequestState
from provisioner.core.governance.incidents import IncidentState
from provisioner.core.governance.roles import Role
from provisioner.core.model import (
    AccountKind,
    AccountState,
    Action,
    MessageState,
    OperationKind,
    OperationState,
    Outcome,
    SessionsState,
    TargetState,
)
from provisioner.core.model.differences import DifferenceKind
from provisioner.core.model.notices import UNDELIVERED
from provisioner.core.model.routines import Routine, WorkerRoutine
from provisioner.core.model.tokens import TokenAccess
from provisioner.store.db.types import ErrorText, UtcDateTime, words

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: Where Alembic keeps the revision of a store. It makes and changes this table itself.
revision = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

units = Table(
    "units",
    metadata,
    Column("code", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("kind", String, nullable=False),
    # Deferred: an import may name a unit before its parent.
    Column("parent", ForeignKey("units.code", deferrable=True, initially="DEFERRED"), index=True),
    Column("login", String),
    Column("custodian", String, index=True),
    # The row stays, because accounts refer to it.
    Column("removed_at", UtcDateTime),
    sqlite_with_rowid=False,
)

persons = Table(
    "persons",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("unit", String),
    Column("title", String, nullable=False),
    Column("mobile", String),
    Column("supervisor", String),
    Column("other_mobile", String),
    Column("other_mobile_confirmed_by", String),
    Column("other_mobile_confirmed_at", UtcDateTime),
    sqlite_with_rowid=False,
)

accounts = Table(
    "accounts",
    metadata,
    Column("login", String, primary_key=True),
    Column("domain", String, nullable=False),
    Column("unit", ForeignKey("units.code"), nullable=False, index=True),
    Column("kind", words(AccountKind), nullable=False),
    Column("holder", String, index=True),
    Column("state", words(AccountState), nullable=False),
    Column("opened_at", UtcDateTime),
    Column("closed_at", UtcDateTime),
    Column("password_changed_at", UtcDateTime),
    Column("next_deadline", UtcDateTime),
    Column("next_action", words(Action)),
    Column("closes_at", UtcDateTime),
    # A sweep reads the accounts that are due in this order, and no others.
    Index(None, "next_deadline", "login"),
    sqlite_with_rowid=False,
)

account_targets = Table(
    "account_targets",
    metadata,
    Column("login", ForeignKey("accounts.login"), primary_key=True),
    Column("target", String, primary_key=True),
    Column("state", words(TargetState), nullable=False),
    sqlite_with_rowid=False,
)

#: Whether sessions of each account are left on each target that ends sessions.
account_sessions = Table(
    "account_sessions",
    metadata,
    Column("login", ForeignKey("accounts.login"), primary_key=True),
    Column("target", String, primary_key=True),
    Column("state", words(SessionsState), nullable=False),
    sqlite_with_rowid=False,
)

#: When each target last listed each account that is known.
last_seen = Table(
    "last_seen",
    metadata,
    Column("target", String, primary_key=True),
    Column("login", ForeignKey("accounts.login"), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("run", String, nullable=False),
    Column("reference", Text),
    sqlite_with_rowid=False,
)

#: What each target last answered about each account, when it was asked about it alone.
verifications = Table(
    "verifications",
    metadata,
    Column("target", String, primary_key=True),
    Column("login", ForeignKey("accounts.login"), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("difference", words(DifferenceKind)),
    sqlite_with_rowid=False,
)

#: The comparisons of targets with the journal. Those with a unit were restricted to it.
comparisons = Table(
    "comparisons",
    metadata,
    Column("target", String, primary_key=True),
    Column("started_at", UtcDateTime, primary_key=True),
    Column("ended_at", UtcDateTime, nullable=False),
    Column("listed", Integer, nullable=False),
    Column("differences", JSON, nullable=False),
    Column("unit", String),
    Column("error", ErrorText),
    sqlite_with_rowid=False,
)

operations = Table(
    "operations",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", words(OperationKind), nullable=False),
    Column("login", ForeignKey("accounts.login"), nullable=False),
    Column("actor", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", words(OperationState), nullable=False),
    Column("holder", String),
    Column("outgoing", String),
    Column("request", String),
    Column("staging", String),
    Column("tries", Integer, nullable=False),
    #: Empty as long as something is left to do.
    Column("finished_at", UtcDateTime),
    Column("next_try_at", UtcDateTime),
    Column("error", ErrorText),
    Index(None, "created_at", "id"),
    Index(None, "login", "created_at", "id"),
    sqlite_with_rowid=False,
)

#: One operation per account at a time.
Index(
    "uq_operations_login_unended",
    operations.c.login,
    unique=True,
    sqlite_where=operations.c.finished_at.is_(None),
)

#: What ``resume`` reads, however many operations have ended.
Index(
    "ix_operations_unended",
    operations.c.created_at,
    operations.c.id,
    sqlite_where=operations.c.finished_at.is_(None),
)

#: What the mass-change limit reads: the closings and deletions that have ended lately.
CLOSINGS = operations.c.kind.in_(
    bindparam(
        "closings",
        sorted(kind.value for kind, spec in KINDS.items() if spec.closes),
        String,
        expanding=True,
        literal_execute=True,
    )
)
Index(
    "ix_operations_shut",
    operations.c.finished_at,
    sqlite_where=CLOSINGS,
)

#: The operations of a held run. Most operations are part of none.
Index(
    "ix_operations_staging",
    operations.c.staging,
    sqlite_where=operations.c.staging.is_not(None),
)

#: Runs that the mass-change limit has held. Those without a staged operation are history.
staged_runs = Table(
    "staged_runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("target", String, nullable=False),
    Column("affected", Integer, nullable=False),
    Column("out_of", Integer, nullable=False),
    Column("percent", Integer, nullable=False),
    Column("operations", Integer, nullable=False),
    sqlite_with_rowid=False,
)

steps = Table(
    "steps",
    metadata,
    Column("operation_id", ForeignKey("operations.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("name", String, nullable=False),
    Column("hook", String, nullable=False),
    Column("outcome", words(Outcome)),
    Column("attempts", Integer, nullable=False),
    Column("error", ErrorText),
    Column("reference", String),
    sqlite_with_rowid=False,
)

#: The messages with passwords, and what became of each.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String, primary_key=True),
    Column("operation_id", ForeignKey("operations.id"), nullable=False, index=True),
    Column("login", ForeignKey("accounts.login"), nullable=False),
    Column("channel", String, nullable=False),
    Column("person", String, nullable=False),
    Column("mobile_mark", String(64)),
    Column("number", Integer, nullable=False),
    Column("state", words(MessageState), nullable=False),
    Column("sent_at", UtcDateTime, nullable=False),
    Column("handed_over_at", UtcDateTime),
    Column("accepted_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("deadline", UtcDateTime),
    Column("next_ask_at", UtcDateTime),
    Column("asked", Integer, nullable=False),
    Column("settled_at", UtcDateTime),
    Column("renewal", ForeignKey("operations.id")),
    Column("gateway", String),
    Column("reference", String),
    Index(None, "login", "number"),
    sqlite_with_rowid=False,
)

#: The parts of messages with passwords and of notices, by the IDs that their gateways gave them, and what was reported
#: on each. A report can arrive before the message is known to be handed over.
message_parts = Table(
    "message_parts",
    metadata,
    Column("channel", String, primary_key=True),
    Column("part", String, primary_key=True),
    Column("message", String, index=True),
    Column("state", words(MessageState)),
    Column("at", UtcDateTime, nullable=False),
    sqlite_with_rowid=False,
)
Index(
    "ix_message_parts_unknown",
    message_parts.c.at,
    sqlite_where=message_parts.c.message.is_(None),
)

#: The states of messages of which a report may be awaited, and of those that were not delivered.
OPEN_MESSAGES, UNDELIVERED_MESSAGES = (
    deliveries.c.state.in_(
        bindparam(name, [state.value for state in states], String, expanding=True, literal_execute=True)
    )
    for name, states in (
        ("open", [state for state in MessageState if not state.is_final]),
        ("undelivered", [state for state in MessageState if state.is_undelivered]),
    )
)
Index(
    "ix_deliveries_open",
    deliveries.c.deadline,
    sqlite_where=OPEN_MESSAGES,
)
Index(
    "ix_deliveries_undelivered",
    deliveries.c.login,
    deliveries.c.number,
    sqlite_where=UNDELIVERED_MESSAGES,
)

#: How many messages each channel with a daily limit sent on a day, written as ``2026-11-29``.
message_counts = Table(
    "message_counts",
    metadata,
    Column("channel", String, primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("sent", Integer, nullable=False),
    sqlite_with_rowid=False,
)

handovers = Table(
    "handovers",
    metadata,
    Column("operation_id", ForeignKey("operations.id"), primary_key=True),
    Column("login", ForeignKey("accounts.login"), nullable=False, index=True),
    Column("mail", String, nullable=False),
    Column("unit", ForeignKey("units.code"), nullable=False),
    Column("unit_name", String, nullable=False),
    Column("outgoing", String),
    Column("outgoing_name", String),
    Column("incoming", String, nullable=False),
    Column("incoming_name", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("begun_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime, nullable=False),
    Index(None, "finished_at", "operation_id"),
    sqlite_with_rowid=False,
)

#: Who drives which operation right now. Only unended operations have one.
leases = Table(
    "leases",
    metadata,
    Column("login", ForeignKey("accounts.login"), primary_key=True),
    Column("operation_id", ForeignKey("operations.id"), nullable=False),
    Column("owner", String, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    sqlite_with_rowid=False,
)

#: Targets and channels that do not work; those that do have no row.
target_health = Table(
    "target_health",
    metadata,
    Column("name", String, primary_key=True),
    Column("failing_since", UtcDateTime, nullable=False),
    Column("error", ErrorText, nullable=False),
    Column("quarantined_at", UtcDateTime),
    Column("noticed", Text, nullable=False),
    sqlite_with_rowid=False,
)

#: Targets and channels that are not to be called for a while. A row whose time is over means nothing any more.
maintenance = Table(
    "maintenance",
    metadata,
    Column("name", String, primary_key=True),
    Column("since", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", Text, nullable=False),
    sqlite_with_rowid=False,
)

#: For which targets the secret of the product's own account is being replaced. The secrets are not here.
credential_rotations = Table(
    "credential_rotations",
    metadata,
    Column("target", String, primary_key=True),
    Column("began_at", UtcDateTime, nullable=False),
    Column("actor", String, nullable=False),
    Column("proved_at", UtcDateTime),
    sqlite_with_rowid=False,
)

#: Which deadlines were met. The subject is a login, or the name of something else that has deadlines.
marks = Table(
    "marks",
    metadata,
    Column("subject", String, primary_key=True),
    Column("rule_set", String, primary_key=True),
    Column("action", words(Action), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("met_at", UtcDateTime, nullable=False),
    Column("confirmed_at", UtcDateTime),
    sqlite_with_rowid=False,
)

#: The last notice about each kind of deadline of an account or another subject.
notices = Table(
    "notices",
    metadata,
    Column("subject", String, primary_key=True),
    Column("rule_set", String, primary_key=True),
    Column("action", words(Action), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("id", String, nullable=False, index=True),
    Column("person", String, nullable=False),
    Column("state", words(MessageState), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("sent_at", UtcDateTime, nullable=False),
    Column("channel", String),
    Column("reference", String),
    sqlite_with_rowid=False,
)

#: The states of notices that a gateway took and that were not delivered.
UNDELIVERED_NOTICES = notices.c.state.in_(
    bindparam(
        "undelivered_notices",
        sorted(state.value for state in UNDELIVERED),
        String,
        expanding=True,
        literal_execute=True,
    )
)
Index("ix_notices_undelivered", notices.c.sent_at, sqlite_where=UNDELIVERED_NOTICES)

#: The rule sets that hold, and since when.
rule_sets = Table(
    "rule_sets",
    metadata,
    Column("name", String, primary_key=True),
    Column("since", UtcDateTime, nullable=False),
    sqlite_with_rowid=False,
)

#: At most one row: which rule sets the stored deadlines were computed with.
schedule = Table(
    "schedule",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("fingerprint", String, nullable=False),
    # The login up to which the deadlines are recalculated; empty when all are.
    Column("cursor", String),
    CheckConstraint("id = 1", name="only"),
)

#: At most one row: when the store was used; see :mod:`provisioner.core.engine.clock`.
clock = Table(
    "clock",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("trusted_at", UtcDateTime, nullable=False),
    Column("latest_at", UtcDateTime, nullable=False),
    CheckConstraint("id = 1", name="only"),
)

#: When each routine last ran.
routines = Table(
    "routines",
    metadata,
    Column("name", words(Routine), primary_key=True),
    Column("began_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    sqlite_with_rowid=False,
)

#: The slot of each routine of a worker that was taken last, and who works on it.
slots = Table(
    "slots",
    metadata,
    Column("routine", words(WorkerRoutine), primary_key=True),
    Column("slot_at", UtcDateTime, nullable=False),
    Column("owner", String),
    Column("expires_at", UtcDateTime),
    sqlite_with_rowid=False,
)

#: The roles of persons and delegates. Revoked roles are in the audit log only.
grants = Table(
    "grants",
    metadata,
    Column("id", String, primary_key=True),
    Column("person", String, nullable=False, index=True),
    Column("role", words(Role), nullable=False),
    Column("unit", String),
    Column("delegator", String),
    Column("starts_at", UtcDateTime),
    Column("ends_at", UtcDateTime),
    Column("granted_by", String, nullable=False),
    Column("granted_at", UtcDateTime, nullable=False),
    sqlite_with_rowid=False,
)

#: The tokens for the API. Of each, only a hash is here.
tokens = Table(
    "tokens",
    metadata,
    Column("id", String, primary_key=True),
    Column("hash", String(64), nullable=False),
    Column("name", String, nullable=False),
    Column("owner", String, nullable=False, index=True),
    Column("access", words(TokenAccess), nullable=False),
    Column("created_by", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("revoked_by", String),
    Column("revoked_at", UtcDateTime),
    sqlite_with_rowid=False,
)

#: The requests to the API that have a key, and their answers. Those without an answer were interrupted, or go on.
keyed_requests = Table(
    "keyed_requests",
    metadata,
    Column("actor", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("owner", String, nullable=False),
    Column("begun_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    Column("status", Integer),
    Column("media_type", String),
    Column("body", Text),
    Column("location", String),
    sqlite_with_rowid=False,
)

#: Request forms. The account of one that asks for an opening may not be there yet.
requests = Table(
    "requests",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", words(OperationKind), nullable=False),
    Column("login", String, nullable=False, index=True),
    Column("unit", String, nullable=False),
    Column("requester", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("submitted_at", UtcDateTime, nullable=False),
    Column("recipient", String),
    Column("mobile_mark", String(64)),
    Column("scan_sha256", String(64)),
    Column("state", words(RequestState), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("approver", String),
    Column("approver_for", String),
    Column("decided_at", UtcDateTime),
    Column("remark", Text, nullable=False),
    Column("mobile_confirmed_by", String),
    Column("mobile_confirmed_at", UtcDateTime),
    Column("officer", String),
    Column("officer_for", String),
    Column("begun_at", UtcDateTime),
    Column("operation", String, index=True),
    Column("archived_at", UtcDateTime),
    Column("archive", Text),
    Column("archive_sha256", String(64)),
    Index(None, "submitted_at", "id"),
    Index(None, "state", "submitted_at", "id"),
    # The inbox of a person: what waits in the units of the person, and the person's own.
    Index(None, "state", "unit"),
    Index(None, "requester", "submitted_at", "id"),
    sqlite_with_rowid=False,
)

#: Reports of trouble with a login, and which unit has them in hand.
troubles = Table(
    "troubles",
    metadata,
    Column("id", String, primary_key=True),
    Column("login", ForeignKey("accounts.login"), nullable=False, index=True),
    Column("text", Text, nullable=False),
    Column("reporter", String, nullable=False),
    Column("reported_at", UtcDateTime, nullable=False),
    Column("unit", ForeignKey("units.code"), nullable=False),
    Column("state", words(IncidentState), nullable=False),
    Column("resolution", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Index(None, "reported_at", "id"),
    sqlite_with_rowid=False,
)

#: The audit log, which is only ever added to. :mod:`provisioner.store.audit.chain` says what the hash is.
events = Table(
    "events",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String, nullable=False),
    Column("operation_id", String, nullable=False),
    Column("login", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    Index(None, "login", "seq"),
)

#: One row: where the audit log ends. A writer of the audit log locks it first.
chain_head = Table(
    "chain_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
    CheckConstraint("id = 1", name="only"),
)

#: Up to which entry each collector has the audit log.
collector_places = Table(
    "collector_places",
    metadata,
    Column("collector", String, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    sqlite_with_rowid=False,
)
