"""The product's own commands: name, help and place. Nothing is imported before it is used."""

from __future__ import annotations

from provisioner.cli.lazy import CommandGroup, CommandSpec

_UNIT = CommandGroup(
    "Manage units and their accounts.",
    {
        "import": CommandSpec("Import units from a CSV, TOML or Excel file.", "provisioner.cli.commands.units:import_"),
        "open": CommandSpec("Open or reopen the accounts of units.", "provisioner.cli.commands.units:open_"),
        "close": CommandSpec("Close the accounts of units.", "provisioner.cli.commands.units:close"),
        "apply": CommandSpec("Make units and accounts agree with a list.", "provisioner.cli.commands.unit_list:apply"),
        "remove": CommandSpec("Remove units that have no open account.", "provisioner.cli.commands.units:remove"),
        "list": CommandSpec("List units as a tree.", "provisioner.cli.commands.units:list_"),
        "show": CommandSpec(
            "Show a unit, its accounts and the units directly below it.", "provisioner.cli.commands.units:show"
        ),
    },
)

_PERSON = CommandGroup(
    "Import and show staff.",
    {
        "import": CommandSpec(
            "Import staff from a CSV, TOML or Excel file.", "provisioner.cli.commands.persons:import_"
        ),
        "show": CommandSpec("Show a member of staff.", "provisioner.cli.commands.persons:show"),
        "confirm-number": CommandSpec(
            "Confirm a person's other mobile number.", "provisioner.cli.commands.persons:confirm_number"
        ),
    },
)

_ACCOUNT = CommandGroup(
    "Manage individual accounts.",
    {
        "list": CommandSpec("List accounts.", "provisioner.cli.commands.account_views:list_"),
        "show": CommandSpec(
            "Show an account and its state on each target.", "provisioner.cli.commands.account_views:show"
        ),
        "create": CommandSpec("Open accounts for the first time.", "provisioner.cli.commands.accounts:create"),
        "close": CommandSpec("Close accounts.", "provisioner.cli.commands.accounts:close"),
        "reopen": CommandSpec("Reopen closed accounts.", "provisioner.cli.commands.accounts:reopen"),
        "rotate": CommandSpec("Set new passwords for open accounts.", "provisioner.cli.commands.accounts:rotate"),
        "update": CommandSpec(
            "Write current names and entitlements to the targets.",
            "provisioner.cli.commands.accounts:update",
        ),
        "complete": CommandSpec(
            "Create accounts on targets where they are missing.", "provisioner.cli.commands.accounts:complete"
        ),
        "verify": CommandSpec(
            "Check the current state of accounts on the targets.", "provisioner.cli.commands.verification:command"
        ),
    },
)

_HAND_OVER = CommandSpec("Hand an account over to another person.", "provisioner.cli.commands.handovers:hand_over")

_HANDOVER = CommandGroup(
    _HAND_OVER.help,
    {
        "list": CommandSpec("List handover records, latest first.", "provisioner.cli.commands.handovers:list_"),
        "show": CommandSpec("Show a handover record.", "provisioner.cli.commands.handovers:show"),
    },
    default=_HAND_OVER,
)

_REQUEST = CommandGroup(
    "Submit, approve and execute access requests.",
    {
        "submit": CommandSpec("Request an action on an account.", "provisioner.cli.commands.access_requests:submit"),
        "approve": CommandSpec("Approve an access request.", "provisioner.cli.commands.access_requests:approve"),
        "reject": CommandSpec("Reject an access request.", "provisioner.cli.commands.access_requests:reject"),
        "execute": CommandSpec(
            "Execute an approved access request.", "provisioner.cli.commands.access_requests:execute"
        ),
        "confirm-mobile": CommandSpec(
            "Confirm a changed mobile number.", "provisioner.cli.commands.access_requests:confirm_mobile"
        ),
        "list": CommandSpec("List access requests, latest first.", "provisioner.cli.commands.access_requests:list_"),
        "show": CommandSpec("Show an access request.", "provisioner.cli.commands.access_requests:show"),
    },
)

_AUTHORITY = CommandGroup(
    "Grant, revoke, delegate and show roles.",
    {
        "grant": CommandSpec("Grant a role to a person.", "provisioner.cli.commands.authority:grant"),
        "revoke": CommandSpec("Revoke a person's role.", "provisioner.cli.commands.authority:revoke"),
        "delegate": CommandSpec("Delegate a role for a limited period.", "provisioner.cli.commands.authority:delegate"),
        "list": CommandSpec("List roles and the people who have them.", "provisioner.cli.commands.authority:list_"),
        "show": CommandSpec(
            "Show what a person may do, and on whose behalf.", "provisioner.cli.commands.authority:show"
        ),
    },
)

_TROUBLE = CommandGroup(
    "Report and resolve login problems.",
    {
        "report": CommandSpec("Report a problem with a login.", "provisioner.cli.commands.incidents:report"),
        "escalate": CommandSpec(
            "Escalate an incident to the unit above.", "provisioner.cli.commands.incidents:escalate"
        ),
        "resolve": CommandSpec("Resolve an incident.", "provisioner.cli.commands.incidents:resolve"),
        "list": CommandSpec(
            "List incidents and the units that handle them, latest first.", "provisioner.cli.commands.incidents:list_"
        ),
        "show": CommandSpec("Show an incident and its history.", "provisioner.cli.commands.incidents:show"),
    },
)

_OPERATION = CommandGroup(
    "Show and retry operations.",
    {
        "list": CommandSpec("List unfinished operations, latest first.", "provisioner.cli.commands.operations:list_"),
        "show": CommandSpec("Show an operation and its steps.", "provisioner.cli.commands.operations:show"),
        "retry": CommandSpec("Retry operations immediately.", "provisioner.cli.commands.operations:retry"),
    },
)

_TARGET = CommandGroup(
    "Show, suspend and resume targets and channels.",
    {
        "list": CommandSpec("List targets and channels and their state.", "provisioner.cli.commands.targets:list_"),
        "maintenance": CommandSpec(
            "Suspend a target or channel for maintenance.", "provisioner.cli.commands.targets:maintenance"
        ),
        "resume": CommandSpec("Resume a quarantined target or channel.", "provisioner.cli.commands.targets:resume"),
        "rotate-credential": CommandSpec(
            "Replace the password that provisioner itself uses on a target.",
            "provisioner.cli.commands.credentials:rotate",
        ),
    },
)

_POLICY = CommandGroup(
    "Show, simulate and apply the policy.",
    {
        "show": CommandSpec(
            "Show the rule sets, their scopes and their start dates.", "provisioner.cli.commands.policy:show"
        ),
        "due": CommandSpec("List what is due, most urgent first.", "provisioner.cli.commands.policy:due"),
        "sweep": CommandSpec(
            "Carry out what is due, such as warnings and rotations.", "provisioner.cli.commands.policy:sweep"
        ),
        "simulate": CommandSpec(
            "Show day by day what the policy would do.", "provisioner.cli.commands.policy:simulate"
        ),
        "confirm": CommandSpec("Confirm that a duty has been fulfilled.", "provisioner.cli.commands.policy:confirm"),
        "staged": CommandSpec("List held runs (state 'staged').", "provisioner.cli.commands.held_runs:staged"),
        "release": CommandSpec("Release a held run and carry it out.", "provisioner.cli.commands.held_runs:release"),
        "discard": CommandSpec("Discard a held run.", "provisioner.cli.commands.held_runs:discard"),
    },
)

_AUDIT = CommandGroup(
    "Show, verify and export the audit log.",
    {
        "list": CommandSpec("List events in the audit log.", "provisioner.cli.commands.audit:list_"),
        "verify": CommandSpec(
            "Verify that no entry of the audit log was altered.", "provisioner.cli.commands.audit:verify"
        ),
        "anchor": CommandSpec("Print an anchor of the audit log.", "provisioner.cli.commands.audit:anchor"),
        "export": CommandSpec("Export the audit log as JSON Lines or syslog.", "provisioner.cli.commands.audit:export"),
        "follow": CommandSpec(
            "Send the audit log to a log collector as it grows.", "provisioner.cli.commands.collectors:follow"
        ),
        "compare": CommandSpec(
            "Compare the files of a log collector with the audit log.", "provisioner.cli.commands.collectors:compare"
        ),
        "collectors": CommandSpec(
            "List log collectors and the last entry that each confirmed.",
            "provisioner.cli.commands.collectors:collectors_",
        ),
    },
)

_CONSOLE = CommandGroup(
    "Serve the web console for officers.",
    {"serve": CommandSpec("Serve the console to web browsers.", "provisioner.cli.commands.console:serve")},
)

_TOKEN = CommandGroup(
    "Create, list and revoke tokens for the API.",
    {
        "create": CommandSpec("Create a token for the API and print it.", "provisioner.cli.commands.tokens:create"),
        "list": CommandSpec("List tokens, latest first.", "provisioner.cli.commands.tokens:list_"),
        "revoke": CommandSpec("Revoke a token.", "provisioner.cli.commands.tokens:revoke"),
    },
)

COMMANDS: dict[str, CommandSpec | CommandGroup] = {
    "demo": CommandSpec("Run a complete demonstration on this machine.", "provisioner.demo:command"),
    "init": CommandSpec("Create a configuration and the store.", "provisioner.cli.commands.init:command"),
    "check": CommandSpec("Check that every component works.", "provisioner.cli.commands.check:command"),
    "status": CommandSpec("Show what is due, open, failed or suspended.", "provisioner.cli.commands.status:command"),
    "unit": _UNIT,
    "person": _PERSON,
    "account": _ACCOUNT,
    "handover": _HANDOVER,
    "request": _REQUEST,
    "authority": _AUTHORITY,
    "trouble": _TROUBLE,
    "clearance": CommandSpec(
        "Check whether a person is cleared to leave or start a post.", "provisioner.cli.commands.clearance:command"
    ),
    "policy": _POLICY,
    "operation": _OPERATION,
    "resume": CommandSpec("Continue unfinished operations.", "provisioner.cli.commands.operations:resume"),
    "target": _TARGET,
    "reconcile": CommandSpec(
        "Compare the accounts in the store with those on the targets.", "provisioner.cli.commands.reconcile:command"
    ),
    "audit": _AUDIT,
    "metrics": CommandGroup(
        "Write metrics for monitoring.",
        {"write": CommandSpec("Write metrics to a file, for node_exporter.", "provisioner.cli.commands.metrics:write")},
    ),
    "backup": CommandSpec("Back up the store while it is in use.", "provisioner.cli.commands.backup:command"),
    "store": CommandGroup(
        "Move the store to another database.",
        {"move": CommandSpec("Move the store from SQLite to PostgreSQL.", "provisioner.cli.commands.store_moves:move")},
    ),
    "console": _CONSOLE,
    "token": _TOKEN,
    "worker": CommandSpec("Run sweeps and due operations until stopped.", "provisioner.cli.commands.worker:command"),
    "plugins": CommandSpec(
        "List plug-ins, their capabilities and their commands.", "provisioner.cli.commands.plugins:command"
    ),
    "contract": CommandSpec(
        "Run the conformance tests (the contract) against a target.", "provisioner.cli.commands.contract:command"
    ),
    "new-plugin": CommandSpec("Create a project for a new plug-in.", "provisioner.cli.commands.new_plugin:command"),
}
