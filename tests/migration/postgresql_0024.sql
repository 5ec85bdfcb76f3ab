CREATE TABLE chain_head (
    id INTEGER NOT NULL,
    seq BIGINT NOT NULL,
    hash VARCHAR(64) COLLATE "C" NOT NULL,
    CONSTRAINT pk_chain_head PRIMARY KEY (id),
    CONSTRAINT ck_chain_head_only CHECK (id = 1)
)
 WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, fillfactor = 50);

CREATE TABLE clock (
    id INTEGER NOT NULL,
    trusted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    latest_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_clock PRIMARY KEY (id),
    CONSTRAINT ck_clock_only CHECK (id = 1)
);

CREATE TABLE collector_places (
    collector VARCHAR COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    hash VARCHAR(64) COLLATE "C" NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_collector_places PRIMARY KEY (collector)
);

CREATE TABLE comparisons (
    target VARCHAR COLLATE "C" NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE NOT NULL,
    listed INTEGER NOT NULL,
    differences JSON NOT NULL,
    unit VARCHAR COLLATE "C",
    error TEXT,
    CONSTRAINT pk_comparisons PRIMARY KEY (target, started_at)
);

CREATE TABLE credential_rotations (
    target VARCHAR COLLATE "C" NOT NULL,
    began_at TIMESTAMP WITH TIME ZONE NOT NULL,
    actor VARCHAR COLLATE "C" NOT NULL,
    proved_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_credential_rotations PRIMARY KEY (target)
);

CREATE TABLE events (
    seq BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    kind VARCHAR COLLATE "C" NOT NULL,
    operation_id VARCHAR COLLATE "C" NOT NULL,
    login VARCHAR COLLATE "C" NOT NULL,
    actor VARCHAR COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    hash VARCHAR(64) COLLATE "C" NOT NULL,
    CONSTRAINT pk_events PRIMARY KEY (seq)
);

CREATE INDEX ix_events_login_seq ON events (login, seq);

CREATE TABLE grants (
    id VARCHAR COLLATE "C" NOT NULL,
    person VARCHAR COLLATE "C" NOT NULL,
    role VARCHAR(16) COLLATE "C" NOT NULL,
    unit VARCHAR COLLATE "C",
    delegator VARCHAR COLLATE "C",
    starts_at TIMESTAMP WITH TIME ZONE,
    ends_at TIMESTAMP WITH TIME ZONE,
    granted_by VARCHAR COLLATE "C" NOT NULL,
    granted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_grants PRIMARY KEY (id)
);

CREATE INDEX ix_grants_person ON grants (person);

CREATE TABLE maintenance (
    name VARCHAR COLLATE "C" NOT NULL,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    until TIMESTAMP WITH TIME ZONE NOT NULL,
    actor VARCHAR COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_maintenance PRIMARY KEY (name)
);

CREATE TABLE marks (
    subject VARCHAR COLLATE "C" NOT NULL,
    rule_set VARCHAR COLLATE "C" NOT NULL,
    action VARCHAR(16) COLLATE "C" NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    met_at TIMESTAMP WITH TIME ZONE NOT NULL,
    confirmed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_marks PRIMARY KEY (subject, rule_set, action)
);

CREATE TABLE message_counts (
    channel VARCHAR COLLATE "C" NOT NULL,
    day VARCHAR(10) COLLATE "C" NOT NULL,
    sent INTEGER NOT NULL,
    CONSTRAINT pk_message_counts PRIMARY KEY (channel, day)
);

CREATE TABLE message_parts (
    channel VARCHAR COLLATE "C" NOT NULL,
    part VARCHAR COLLATE "C" NOT NULL,
    message VARCHAR COLLATE "C",
    state VARCHAR(16) COLLATE "C",
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_message_parts PRIMARY KEY (channel, part)
);

CREATE INDEX ix_message_parts_unknown ON message_parts (at) WHERE message IS NULL;

CREATE INDEX ix_message_parts_message ON message_parts (message);

CREATE TABLE notices (
    subject VARCHAR COLLATE "C" NOT NULL,
    rule_set VARCHAR COLLATE "C" NOT NULL,
    action VARCHAR(16) COLLATE "C" NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    id VARCHAR COLLATE "C" NOT NULL,
    person VARCHAR COLLATE "C" NOT NULL,
    state VARCHAR(16) COLLATE "C" NOT NULL,
    attempts INTEGER NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE NOT NULL,
    channel VARCHAR COLLATE "C",
    reference VARCHAR COLLATE "C",
    CONSTRAINT pk_notices PRIMARY KEY (subject, rule_set, action)
);

CREATE INDEX ix_notices_undelivered ON notices (sent_at) WHERE state IN ('expired', 'rejected');

CREATE INDEX ix_notices_id ON notices (id);

CREATE TABLE persons (
    id VARCHAR COLLATE "C" NOT NULL,
    name VARCHAR COLLATE "C" NOT NULL,
    unit VARCHAR COLLATE "C",
    title VARCHAR COLLATE "C" NOT NULL,
    mobile VARCHAR COLLATE "C",
    supervisor VARCHAR COLLATE "C",
    other_mobile VARCHAR COLLATE "C",
    other_mobile_confirmed_by VARCHAR COLLATE "C",
    other_mobile_confirmed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_persons PRIMARY KEY (id)
);

CREATE TABLE requests (
    id VARCHAR COLLATE "C" NOT NULL,
    kind VARCHAR(16) COLLATE "C" NOT NULL,
    login VARCHAR COLLATE "C" NOT NULL,
    unit VARCHAR COLLATE "C" NOT NULL,
    requester VARCHAR COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    submitted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    recipient VARCHAR COLLATE "C",
    mobile_mark VARCHAR(64) COLLATE "C",
    scan_sha256 VARCHAR(64) COLLATE "C",
    state VARCHAR(16) COLLATE "C" NOT NULL,
    revision INTEGER NOT NULL,
    approver VARCHAR COLLATE "C",
    approver_for VARCHAR COLLATE "C",
    decided_at TIMESTAMP WITH TIME ZONE,
    remark TEXT COLLATE "C" NOT NULL,
    mobile_confirmed_by VARCHAR COLLATE "C",
    mobile_confirmed_at TIMESTAMP WITH TIME ZONE,
    officer VARCHAR COLLATE "C",
    officer_for VARCHAR COLLATE "C",
    begun_at TIMESTAMP WITH TIME ZONE,
    operation VARCHAR COLLATE "C",
    archived_at TIMESTAMP WITH TIME ZONE,
    archive TEXT COLLATE "C",
    archive_sha256 VARCHAR(64) COLLATE "C",
    CONSTRAINT pk_requests PRIMARY KEY (id)
);

CREATE INDEX ix_requests_operation ON requests (operation);

CREATE INDEX ix_requests_submitted_at_id ON requests (submitted_at, id);

CREATE INDEX ix_requests_login ON requests (login);

CREATE INDEX ix_requests_state_submitted_at_id ON requests (state, submitted_at, id);

CREATE TABLE routines (
    name VARCHAR(16) COLLATE "C" NOT NULL,
    began_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_routines PRIMARY KEY (name)
);

CREATE TABLE rule_sets (
    name VARCHAR COLLATE "C" NOT NULL,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_rule_sets PRIMARY KEY (name)
);

CREATE TABLE schedule (
    id INTEGER NOT NULL,
    fingerprint VARCHAR COLLATE "C" NOT NULL,
    cursor VARCHAR COLLATE "C",
    CONSTRAINT pk_schedule PRIMARY KEY (id),
    CONSTRAINT ck_schedule_only CHECK (id = 1)
);

CREATE TABLE staged_runs (
    id VARCHAR COLLATE "C" NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    actor VARCHAR COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    target VARCHAR COLLATE "C" NOT NULL,
    affected INTEGER NOT NULL,
    out_of INTEGER NOT NULL,
    percent INTEGER NOT NULL,
    operations INTEGER NOT NULL,
    CONSTRAINT pk_staged_runs PRIMARY KEY (id)
);

CREATE TABLE target_health (
    name VARCHAR COLLATE "C" NOT NULL,
    failing_since TIMESTAMP WITH TIME ZONE NOT NULL,
    error TEXT NOT NULL,
    quarantined_at TIMESTAMP WITH TIME ZONE,
    noticed TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_target_health PRIMARY KEY (name)
);

CREATE TABLE units (
    code VARCHAR COLLATE "C" NOT NULL,
    name VARCHAR COLLATE "C" NOT NULL,
    kind VARCHAR COLLATE "C" NOT NULL,
    parent VARCHAR COLLATE "C",
    login VARCHAR COLLATE "C",
    custodian VARCHAR COLLATE "C",
    removed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_units PRIMARY KEY (code),
    CONSTRAINT fk_units_parent_units FOREIGN KEY(parent) REFERENCES units (code) DEFERRABLE INITIALLY DEFERRED
);

CREATE INDEX ix_units_custodian ON units (custodian);

CREATE INDEX ix_units_parent ON units (parent);

CREATE TABLE accounts (
    login VARCHAR COLLATE "C" NOT NULL,
    domain VARCHAR COLLATE "C" NOT NULL,
    unit VARCHAR COLLATE "C" NOT NULL,
    kind VARCHAR(16) COLLATE "C" NOT NULL,
    holder VARCHAR COLLATE "C",
    state VARCHAR(16) COLLATE "C" NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE,
    closed_at TIMESTAMP WITH TIME ZONE,
    password_changed_at TIMESTAMP WITH TIME ZONE,
    next_deadline TIMESTAMP WITH TIME ZONE,
    next_action VARCHAR(16) COLLATE "C",
    closes_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_accounts PRIMARY KEY (login),
    CONSTRAINT fk_accounts_unit_units FOREIGN KEY(unit) REFERENCES units (code)
)
 WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

CREATE INDEX ix_accounts_holder ON accounts (holder);

CREATE INDEX ix_accounts_next_deadline_login ON accounts (next_deadline, login);

CREATE INDEX ix_accounts_unit ON accounts (unit);

CREATE TABLE account_sessions (
    login VARCHAR COLLATE "C" NOT NULL,
    target VARCHAR COLLATE "C" NOT NULL,
    state VARCHAR(16) COLLATE "C" NOT NULL,
    CONSTRAINT pk_account_sessions PRIMARY KEY (login, target),
    CONSTRAINT fk_account_sessions_login_accounts FOREIGN KEY(login) REFERENCES accounts (login)
);

CREATE TABLE account_targets (
    login VARCHAR COLLATE "C" NOT NULL,
    target VARCHAR COLLATE "C" NOT NULL,
    state VARCHAR(16) COLLATE "C" NOT NULL,
    CONSTRAINT pk_account_targets PRIMARY KEY (login, target),
    CONSTRAINT fk_account_targets_login_accounts FOREIGN KEY(login) REFERENCES accounts (login)
);

CREATE TABLE last_seen (
    target VARCHAR COLLATE "C" NOT NULL,
    login VARCHAR COLLATE "C" NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    run VARCHAR COLLATE "C" NOT NULL,
    reference TEXT COLLATE "C",
    CONSTRAINT pk_last_seen PRIMARY KEY (target, login),
    CONSTRAINT fk_last_seen_login_accounts FOREIGN KEY(login) REFERENCES accounts (login)
);

CREATE TABLE operations (
    id VARCHAR COLLATE "C" NOT NULL,
    kind VARCHAR(16) COLLATE "C" NOT NULL,
    login VARCHAR COLLATE "C" NOT NULL,
    actor VARCHAR COLLATE "C" NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    state VARCHAR(16) COLLATE "C" NOT NULL,
    holder VARCHAR COLLATE "C",
    outgoing VARCHAR COLLATE "C",
    request VARCHAR COLLATE "C",
    staging VARCHAR COLLATE "C",
    tries INTEGER NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    next_try_at TIMESTAMP WITH TIME ZONE,
    error TEXT,
    CONSTRAINT pk_operations PRIMARY KEY (id),
    CONSTRAINT fk_operations_login_accounts FOREIGN KEY(login) REFERENCES accounts (login)
)
 WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

CREATE UNIQUE INDEX uq_operations_login_unended ON operations (login) WHERE finished_at IS NULL;

CREATE INDEX ix_operations_login_created_at_id ON operations (login, created_at, id);

CREATE INDEX ix_operations_created_at_id ON operations (created_at, id);

CREATE INDEX ix_operations_shut ON operations (finished_at) WHERE kind IN ('close', 'delete', 'withdraw');

CREATE INDEX ix_operations_unended ON operations (created_at, id) WHERE finished_at IS NULL;

CREATE INDEX ix_operations_staging ON operations (staging) WHERE staging IS NOT NULL;

CREATE TABLE troubles (
    id VARCHAR COLLATE "C" NOT NULL,
    login VARCHAR COLLATE "C" NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    reporter VARCHAR COLLATE "C" NOT NULL,
    reported_at TIMESTAMP WITH TIME ZONE NOT NULL,
    unit VARCHAR COLLATE "C" NOT NULL,
    state VARCHAR(16) COLLATE "C" NOT NULL,
    resolution TEXT COLLATE "C" NOT NULL,
    revision INTEGER NOT NULL,
    CONSTRAINT pk_troubles PRIMARY KEY (id),
    CONSTRAINT fk_troubles_login_accounts FOREIGN KEY(login) REFERENCES accounts (login),
    CONSTRAINT fk_troubles_unit_units FOREIGN KEY(unit) REFERENCES units (code)
);

CREATE INDEX ix_troubles_reported_at_id ON troubles (reported_at, id);

CREATE INDEX ix_troubles_login ON troubles (login);

CREATE TABLE verifications (
    target VARCHAR COLLATE "C" NOT NULL,
    login VARCHAR COLLATE "C" NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    difference VARCHAR(16) COLLATE "C",
    CONSTRAINT pk_verifications PRIMARY KEY (target, login),
    CONSTRAINT fk_verifications_login_accounts FOREIGN KEY(login) REFERENCES accounts (login)
);

CREATE TABLE deliveries (
    id VARCHAR COLLATE "C" NOT NULL,
    operation_id VARCHAR COLLATE "C" NOT NULL,
    login VARCHAR COLLATE "C" NOT NULL,
    channel VARCHAR COLLATE "C" NOT NULL,
    person VARCHAR COLLATE "C" NOT NULL,
    mobile_mark VARCHAR(64) COLLATE "C",
    number INTEGER NOT NULL,
    state VARCHAR(16) COLLATE "C" NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE NOT NULL,
    handed_over_at TIMESTAMP WITH TIME ZONE,
    accepted_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    deadline TIMESTAMP WITH TIME ZONE,
    next_ask_at TIMESTAMP WITH TIME ZONE,
    asked INTEGER NOT NULL,
    settled_at TIMESTAMP WITH TIME ZONE,
    renewal VARCHAR COLLATE "C",
    gateway VARCHAR COLLATE "C",
    reference VARCHAR COLLATE "C",
    CONSTRAINT pk_deliveries PRIMARY KEY (id),
    CONSTRAINT fk_deliveries_operation_id_operations FOREIGN KEY(operation_id) REFERENCES operations (id),
    CONSTRAINT fk_deliveries_login_accounts FOREIGN KEY(login) REFERENCES accounts (login),
    CONSTRAINT fk_deliveries_renewal_operations FOREIGN KEY(renewal) REFERENCES operations (id)
);

CREATE INDEX ix_deliveries_operation_id ON deliveries (operation_id);

CREATE INDEX ix_deliveries_open ON deliveries (deadline) WHERE state IN ('sending', 'handed_over', 'accepted');

CREATE INDEX ix_deliveries_login_number ON deliveries (login, number);

CREATE INDEX ix_deliveries_undelivered ON deliveries (login, number) WHERE state IN ('unknown', 'expired', 'rejected');

CREATE TABLE handovers (
    operation_id VARCHAR COLLATE "C" NOT NULL,
    login VARCHAR COLLATE "C" NOT NULL,
    mail VARCHAR COLLATE "C" NOT NULL,
    unit VARCHAR COLLATE "C" NOT NULL,
    unit_name VARCHAR COLLATE "C" NOT NULL,
    outgoing VARCHAR COLLATE "C",
    outgoing_name VARCHAR COLLATE "C",
    incoming VARCHAR COLLATE "C" NOT NULL,
    incoming_name VARCHAR COLLATE "C" NOT NULL,
    actor VARCHAR COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    begun_at TIMESTAMP WITH TIME ZONE NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_handovers PRIMARY KEY (operation_id),
    CONSTRAINT fk_handovers_unit_units FOREIGN KEY(unit) REFERENCES units (code),
    CONSTRAINT fk_handovers_operation_id_operations FOREIGN KEY(operation_id) REFERENCES operations (id),
    CONSTRAINT fk_handovers_login_accounts FOREIGN KEY(login) REFERENCES accounts (login)
);

CREATE INDEX ix_handovers_login ON handovers (login);

CREATE INDEX ix_handovers_finished_at_operation_id ON handovers (finished_at, operation_id);

CREATE TABLE leases (
    login VARCHAR COLLATE "C" NOT NULL,
    operation_id VARCHAR COLLATE "C" NOT NULL,
    owner VARCHAR COLLATE "C" NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_leases PRIMARY KEY (login),
    CONSTRAINT fk_leases_login_accounts FOREIGN KEY(login) REFERENCES accounts (login),
    CONSTRAINT fk_leases_operation_id_operations FOREIGN KEY(operation_id) REFERENCES operations (id)
)
 WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, fillfactor = 50);

CREATE TABLE steps (
    operation_id VARCHAR COLLATE "C" NOT NULL,
    position INTEGER NOT NULL,
    name VARCHAR COLLATE "C" NOT NULL,
    hook VARCHAR COLLATE "C" NOT NULL,
    outcome VARCHAR(16) COLLATE "C",
    attempts INTEGER NOT NULL,
    error TEXT,
    reference VARCHAR COLLATE "C",
    CONSTRAINT pk_steps PRIMARY KEY (operation_id, position),
    CONSTRAINT fk_steps_operation_id_operations FOREIGN KEY(operation_id) REFERENCES operations (id)
);

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)
