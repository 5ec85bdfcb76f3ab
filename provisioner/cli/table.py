"""The product's own commands: name, help and place. Nothing is imported before it is used."""

from __future__ import annotations

from provisioner.cli.lazy import CommandGroup, CommandSpec

_UNIT = CommandGroup(
    "Organisational units and their accounts.",
    {
        "import": CommandSpec("Import units from a CSV, TOML or Excel file.", "provisioner.cli.commands.units:import_"),
        "open": CommandSpec("Open the accounts of units, or reopen them.", "provisioner.cli.commands.units:open_"),
        "close": CommandSpec("Close the accounts of units.", "provisioner.cli.commands.units:close"),
        "list": CommandSpec("List the units as a tree.", "provisioner.cli.commands.units:list_"),
        "show": CommandSpec("Show one unit.", "provisioner.cli.commands.units:show"),
    },
)

_PERSON = CommandGroup(
    "Staff, if no personnel system provides them.",
    {
        "import": CommandSpec(
            "Import staff from a CSV, TOML or Excel file.", "provisioner.cli.commands.persons:import_"
        ),
        "show": CommandSpec("Show one member of staff.", "provisioner.cli.commands.persons:show"),
    },
)

_ACCOUNT = CommandGroup(
    "Individual accounts.",
    {
        "list": CommandSpec("List accounts.", "provisioner.cli.commands.accounts:list_"),
        "show": CommandSpec("Show one account.", "provisioner.cli.commands.accounts:show"),
        "create": CommandSpec("Open accounts that were never open.", "provisioner.cli.commands.accounts:create"),
        "close": CommandSpec("Close accounts.", "provisioner.cli.commands.accounts:close"),
        "reopen": CommandSpec("Open closed accounts again.", "provisioner.cli.commands.accounts:reopen"),
        "rotate": CommandSpec("Give open accounts new passwords.", "provisioner.cli.commands.accounts:rotate"),
    },
)

_HANDOVER = CommandGroup(
    "Hand an account over to another person, and keep the record.",
    {
        "list": CommandSpec("List the records of handovers.", "provisioner.cli.commands.handovers:list_"),
        "show": CommandSpec("Show the record that both sides keep.", "provisioner.cli.commands.handovers:show"),
    },
    default=CommandSpec("Hand an account over to another person.", "provisioner.cli.commands.handovers:hand_over"),
)

_REQUEST = CommandGroup(
    "Request forms: submitted, approved by the supervisor, carried out by an officer, archived.",
    {
        "submit": CommandSpec("Request an action on an account.", "provisioner.cli.commands.access_requests:submit"),
        "approve": CommandSpec(
            "Approve a request, as the requester's supervisor.", "provisioner.cli.commands.access_requests:approve"
        ),
        "reject": CommandSpec(
            "Reject a request, as the requester's supervisor.", "provisioner.cli.commands.access_requests:reject"
        ),
        "execute": CommandSpec(
            "Carry out an approved request, as an officer.", "provisioner.cli.commands.access_requests:execute"
        ),
        "confirm-mobile": CommandSpec(
            "Confirm a mobile number that has changed.", "provisioner.cli.commands.access_requests:confirm_mobile"
        ),
        "list": CommandSpec("List requests.", "provisioner.cli.commands.access_requests:list_"),
        "show": CommandSpec("Show one request or its archived copy.", "provisioner.cli.commands.access_requests:show"),
    },
)

_AUTHORITY = CommandGroup(
    "Roles: who may do what, in which units.",
    {
        "grant": CommandSpec("Give a person a role.", "provisioner.cli.commands.authority:grant"),
        "revoke": CommandSpec("Take a role away from a person.", "provisioner.cli.commands.authority:revoke"),
        "delegate": CommandSpec("Delegate a role for a period.", "provisioner.cli.commands.authority:delegate"),
        "list": CommandSpec("List who has which role.", "provisioner.cli.commands.authority:list_"),
        "show": CommandSpec("Show what one person may do, and for whom.", "provisioner.cli.commands.authority:show"),
    },
)

_TROUBLE = CommandGroup(
    "Reports of trouble with a login, passed up until someone resolves them.",
    {
        "report": CommandSpec("Report that a login does not work.", "provisioner.cli.commands.incidents:report"),
        "escalate": CommandSpec("Pass a report on to the unit above.", "provisioner.cli.commands.incidents:escalate"),
        "resolve": CommandSpec("Close a report, and say what helped.", "provisioner.cli.commands.incidents:resolve"),
        "list": CommandSpec("List reports and the units that handle them.", "provisioner.cli.commands.incidents:list_"),
        "show": CommandSpec("Show one report with all its steps.", "provisioner.cli.commands.incidents:show"),
    },
)

_OPERATION = CommandGroup(
    "Operations: what is under way, stuck or failed.",
    {
        "list": CommandSpec("List the operations that have not ended.", "provisioner.cli.commands.operations:list_"),
        "show": CommandSpec("Show one operation with its steps.", "provisioner.cli.commands.operations:show"),
        "retry": CommandSpec("Retry operations now.", "provisioner.cli.commands.operations:retry"),
    },
)

_TARGET = CommandGroup(
    "Targets and channels.",
    {
        "list": CommandSpec("List targets and channels and their state.", "provisioner.cli.commands.targets:list_"),
        "maintenance": CommandSpec(
            "Suspend a target or channel during maintenance.", "provisioner.cli.commands.targets:maintenance"
        ),
        "resume": CommandSpec("Use a quarantined target or channel again.", "provisioner.cli.commands.targets:resume"),
    },
)

_POLICY = CommandGroup(
    "The rules: what they require, and what they would do.",
    {
        "show": CommandSpec("Show the rule sets.", "provisioner.cli.commands.policy:show"),
        "due": CommandSpec("List what is due.", "provisioner.cli.commands.policy:due"),
        "sweep": CommandSpec("Do what is due: warn, renew, close.", "provisioner.cli.commands.policy:sweep"),
        "simulate": CommandSpec(
            "Show who would be warned, renewed and closed.", "provisioner.cli.commands.policy:simulate"
        ),
        "confirm": CommandSpec("Confirm that a duty was done.", "provisioner.cli.commands.policy:confirm"),
        "staged": CommandSpec("List the runs that wait for a release.", "provisioner.cli.commands.held_runs:staged"),
        "release": CommandSpec(
            "Carry out a run that waits for a release.", "provisioner.cli.commands.held_runs:release"
        ),
        "discard": CommandSpec("End a run that waits for a release.", "provisioner.cli.commands.held_runs:discard"),
    },
)

_AUDIT = CommandGroup(
    "The audit log.",
    {
        "list": CommandSpec("List what happened.", "provisioner.cli.commands.audit:list_"),
        "verify": CommandSpec("Verify that the audit log is unchanged.", "provisioner.cli.commands.audit:verify"),
        "anchor": CommandSpec(
            "Print where the audit log ends, to keep elsewhere.", "provisioner.cli.commands.audit:anchor"
        ),
        "export": CommandSpec("Export the audit log as JSON Lines or syslog.", "provisioner.cli.commands.audit:export"),
    },
)

COMMANDS: dict[str, CommandSpec | CommandGroup] = {
    "demo": CommandSpec("Show the whole product on a private example.", "provisioner.demo:command"),
    "init": CommandSpec(
        "Write a configuration that works, and create the store.", "provisioner.cli.commands.init:command"
    ),
    "check": CommandSpec("Check that every component works.", "provisioner.cli.commands.check:command"),
    "unit": _UNIT,
    "person": _PERSON,
    "account": _ACCOUNT,
    "handover": _HANDOVER,
    "request": _REQUEST,
    "authority": _AUTHORITY,
    "trouble": _TROUBLE,
    "clearance": CommandSpec("Say whether a person may leave or start.", "provisioner.cli.commands.clearance:command"),
    "policy": _POLICY,
    "operation": _OPERATION,
    "resume": CommandSpec("Finish interrupted operations.", "provisioner.cli.commands.runs:resume"),
    "target": _TARGET,
    "audit": _AUDIT,
    "plugins": CommandSpec(
        "List plug-ins, their abilities and their commands.", "provisioner.cli.commands.plugins:command"
    ),
    "contract": CommandSpec("Run the conformance tests against a target.", "provisioner.cli.commands.contract:command"),
    "new-plugin": CommandSpec("Create a project for a new plug-in.", "provisioner.cli.commands.new_plugin:command"),
}
