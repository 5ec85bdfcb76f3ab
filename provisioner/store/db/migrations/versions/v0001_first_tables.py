"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True)
WORD = sa.String(16)
UNENDED = sa.text("finished_at IS NULL")
STAGED = sa.text("staging IS NOT NULL")
SHUTTING = sa.text("kind IN ('close', 'delete')")


def upgrade() -> None:
    """Go to this revision."""
    _units_and_persons()
    _accounts()
    _operations()
    _staged_runs()
    _steps_and_leases()
    _handovers()
    _target_health()
    _maintenance()
    _marks()
    _schedule()
    _grants()
    _requests()
    _troubles()
    _trail()


def downgrade() -> None:
    """Go back to an empty database."""
    for table in (
        "chain_head",
        "events",
        "troubles",
        "requests",
        "grants",
        "schedule",
        "rule_sets",
        "marks",
        "maintenance",
        "target_health",
        "handovers",
        "leases",
        "steps",
        "staged_runs",
        "operations",
        "account_targets",
        "accounts",
        "persons",
        "units",
    ):
        op.drop_table(table)


def _units_and_persons() -> None:
    op.create_table(
        "units",
        sa.Column("code", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("parent", sa.String),
        sa.Column("login", sa.String),
        sa.Column("custodian", sa.String),
        sa.PrimaryKeyConstraint("code", name="pk_units"),
        sa.ForeignKeyConstraint(
            ["parent"], ["units.code"], name="fk_units_parent_units", deferrable=True, initially="DEFERRED"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_units_parent", "units", ["parent"])
    op.create_index("ix_units_custodian", "units", ["custodian"])
    op.create_table(
        "persons",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("unit", sa.String),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("mobile", sa.String),
        sa.Column("supervisor", sa.String),
        sa.PrimaryKeyConstraint("id", name="pk_persons"),
        sqlite_with_rowid=False,
    )


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("login", sa.String, nullable=False),
        sa.Column("domain", sa.String, nullable=False),
        sa.Column("unit", sa.String, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("holder", sa.String),
        sa.Column("state", WORD, nullable=False),
        sa.Column("opened_at", UTC),
        sa.Column("closed_at", UTC),
        sa.Column("password_changed_at", UTC),
        sa.Column("next_deadline", UTC),
        sa.PrimaryKeyConstraint("login", name="pk_accounts"),
        sa.ForeignKeyConstraint(["unit"], ["units.code"], name="fk_accounts_unit_units"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_accounts_unit", "accounts", ["unit"])
    op.create_index("ix_accounts_holder", "accounts", ["holder"])
    op.create_index("ix_accounts_next_deadline_login", "accounts", ["next_deadline", "login"])
    op.create_table(
        "account_targets",
        sa.Column("login", sa.String, nullable=False),
        sa.Column("target", sa.String, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.PrimaryKeyConstraint("login", "target", name="pk_account_targets"),
        sa.ForeignKeyConstraint(["login"], ["accounts.login"], name="fk_account_targets_login_accounts"),
        sqlite_with_rowid=False,
    )


def _operations() -> None:
    op.create_table(
        "operations",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("login", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("holder", sa.String),
        sa.Column("outgoing", sa.String),
        sa.Column("request", sa.String),
        sa.Column("staging", sa.String),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("finished_at", UTC),
        sa.Column("next_try_at", UTC),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_operations"),
        sa.ForeignKeyConstraint(["login"], ["accounts.login"], name="fk_operations_login_accounts"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_operations_created_at_id", "operations", ["created_at", "id"])
    op.create_index("ix_operations_login_created_at_id", "operations", ["login", "created_at", "id"])
    op.create_index(
        "ix_operations_unended",
        "operations",
        ["created_at", "id"],
        sqlite_where=UNENDED,
        postgresql_where=UNENDED,
    )
    op.create_index(
        "uq_operations_login_unended",
        "operations",
        ["login"],
        unique=True,
        sqlite_where=UNENDED,
        postgresql_where=UNENDED,
    )


def _staged_runs() -> None:
    op.create_index("ix_operations_staging", "operations", ["staging"], sqlite_where=STAGED, postgresql_where=STAGED)
    op.create_index(
        "ix_operations_shut", "operations", ["finished_at"], sqlite_where=SHUTTING, postgresql_where=SHUTTING
    )
    op.create_table(
        "staged_runs",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("target", sa.String, nullable=False),
        sa.Column("affected", sa.Integer, nullable=False),
        sa.Column("out_of", sa.Integer, nullable=False),
        sa.Column("percent", sa.Integer, nullable=False),
        sa.Column("operations", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_staged_runs"),
        sqlite_with_rowid=False,
    )


def _steps_and_leases() -> None:
    op.create_table(
        "steps",
        sa.Column("operation_id", sa.String, nullable=False),
        sa.Column("position", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("hook", sa.String, nullable=False),
        sa.Column("outcome", WORD),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("reference", sa.String),
        sa.PrimaryKeyConstraint("operation_id", "position", name="pk_steps"),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], name="fk_steps_operation_id_operations"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "leases",
        sa.Column("login", sa.String, nullable=False),
        sa.Column("operation_id", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("expires_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("login", name="pk_leases"),
        sa.ForeignKeyConstraint(["login"], ["accounts.login"], name="fk_leases_login_accounts"),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], name="fk_leases_operation_id_operations"),
        sqlite_with_rowid=False,
    )


def _handovers() -> None:
    op.create_table(
        "handovers",
        sa.Column("operation_id", sa.String, nullable=False),
        sa.Column("login", sa.String, nullable=False),
        sa.Column("mail", sa.String, nullable=False),
        sa.Column("unit", sa.String, nullable=False),
        sa.Column("unit_name", sa.String, nullable=False),
        sa.Column("outgoing", sa.String),
        sa.Column("outgoing_name", sa.String),
        sa.Column("incoming", sa.String, nullable=False),
        sa.Column("incoming_name", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("begun_at", UTC, nullable=False),
        sa.Column("finished_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("operation_id", name="pk_handovers"),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], name="fk_handovers_operation_id_operations"),
        sa.ForeignKeyConstraint(["login"], ["accounts.login"], name="fk_handovers_login_accounts"),
        sa.ForeignKeyConstraint(["unit"], ["units.code"], name="fk_handovers_unit_units"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_handovers_login", "handovers", ["login"])
    op.create_index("ix_handovers_finished_at_operation_id", "handovers", ["finished_at", "operation_id"])


def _target_health() -> None:
    op.create_table(
        "target_health",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("failing_since", UTC, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("quarantined_at", UTC),
        sa.Column("noticed", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_target_health"),
        sqlite_with_rowid=False,
    )


def _maintenance() -> None:
    op.create_table(
        "maintenance",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("since", UTC, nullable=False),
        sa.Column("until", UTC, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_maintenance"),
        sqlite_with_rowid=False,
    )


def _marks() -> None:
    op.create_table(
        "marks",
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("rule_set", sa.String, nullable=False),
        sa.Column("action", WORD, nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("met_at", UTC, nullable=False),
        sa.Column("confirmed_at", UTC),
        sa.PrimaryKeyConstraint("subject", "rule_set", "action", name="pk_marks"),
        sqlite_with_rowid=False,
    )


def _schedule() -> None:
    op.create_table(
        "rule_sets",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("since", UTC, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_rule_sets"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "schedule",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("cursor", sa.String),
        sa.CheckConstraint("id = 1", name="only"),
        sa.PrimaryKeyConstraint("id", name="pk_schedule"),
    )


def _grants() -> None:
    op.create_table(
        "grants",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("role", WORD, nullable=False),
        sa.Column("unit", sa.String),
        sa.Column("delegator", sa.String),
        sa.Column("starts_at", UTC),
        sa.Column("ends_at", UTC),
        sa.Column("granted_by", sa.String, nullable=False),
        sa.Column("granted_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_grants"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_grants_person", "grants", ["person"])


def _requests() -> None:
    op.create_table(
        "requests",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("login", sa.String, nullable=False),
        sa.Column("unit", sa.String, nullable=False),
        sa.Column("requester", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("submitted_at", UTC, nullable=False),
        sa.Column("recipient", sa.String),
        sa.Column("mobile_mark", sa.String(64)),
        sa.Column("scan_sha256", sa.String(64)),
        sa.Column("state", WORD, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("approver", sa.String),
        sa.Column("approver_for", sa.String),
        sa.Column("decided_at", UTC),
        sa.Column("remark", sa.Text, nullable=False),
        sa.Column("mobile_confirmed_by", sa.String),
        sa.Column("mobile_confirmed_at", UTC),
        sa.Column("officer", sa.String),
        sa.Column("officer_for", sa.String),
        sa.Column("begun_at", UTC),
        sa.Column("operation", sa.String),
        sa.Column("archived_at", UTC),
        sa.Column("archive", sa.Text),
        sa.Column("archive_sha256", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_requests"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_requests_login", "requests", ["login"])
    op.create_index("ix_requests_operation", "requests", ["operation"])
    op.create_index("ix_requests_submitted_at_id", "requests", ["submitted_at", "id"])
    op.create_index("ix_requests_state_submitted_at_id", "requests", ["state", "submitted_at", "id"])


def _troubles() -> None:
    op.create_table(
        "troubles",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("login", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("reporter", sa.String, nullable=False),
        sa.Column("reported_at", UTC, nullable=False),
        sa.Column("unit", sa.String, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("resolution", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_troubles"),
        sa.ForeignKeyConstraint(["login"], ["accounts.login"], name="fk_troubles_login_accounts"),
        sa.ForeignKeyConstraint(["unit"], ["units.code"], name="fk_troubles_unit_units"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_troubles_login", "troubles", ["login"])
    op.create_index("ix_troubles_reported_at_id", "troubles", ["reported_at", "id"])


def _trail() -> None:
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False, autoincrement=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("operation_id", sa.String, nullable=False),
        sa.Column("login", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_events"),
    )
    op.create_index("ix_events_login_seq", "events", ["login", "seq"])
    head = op.create_table(
        "chain_head",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.CheckConstraint("id = 1", name="only"),
        sa.PrimaryKeyConstraint("id", name="pk_chain_head"),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": "0" * 64}])
