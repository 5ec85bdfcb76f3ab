"""Each command has a service, which a web page or a script calls as well; each service is one of a command."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

from provisioner.cli.lazy import CommandGroup
from provisioner.cli.table import COMMANDS
from provisioner_letter.commands import COMMANDS as LETTER_COMMANDS
from provisioner_sms.commands import COMMANDS as SMS_COMMANDS

SERVICES = Path(__file__).parents[2] / "provisioner" / "services"

#: The services that each module of commands calls.
SERVICES_OF = {
    "access_requests": {"access_requests"},
    "account_views": {"account_details"},
    "accounts": {"accounts"},
    "audit": {"audit_log"},
    "authority": {"delegation"},
    "backup": {"backup"},
    "check": {"health_check"},
    "clearance": {"clearance"},
    "collectors": {"collectors"},
    "console": set(),
    "contract": {"contract"},
    "credentials": {"credentials"},
    "handovers": {"handovers"},
    "held_runs": {"held_runs"},
    "incidents": {"incidents"},
    "init": {"setup"},
    "metrics": {"metrics", "status"},
    "new_plugin": {"installed_plugins"},
    "operations": {"credentials", "operations", "runs"},
    "persons": {"imports", "persons"},
    "plugins": {"installed_plugins"},
    "policy": {"policy"},
    "reconcile": {"adoption", "reconcile", "repairs"},
    "reports_cli": {"deliveries"},
    "status": {"status"},
    "store_moves": {"store_moves"},
    "targets": {"targets"},
    "unit_list": {"unit_list"},
    "tokens": {"tokens"},
    "units": {"imports", "unit_removal", "units"},
    "verification": {"verification"},
    "worker": {"chunk_work", "worker", "worker_health"},
}

#: What several services and commands share.
SHARED = {
    "account_lookup",
    "application",
    "attribute_updates",
    "bootstrap",
    "composition",
    "ids",
    "last_seen",
    "parts",
    "recent_people",
    "reconcile_report",
    "rule_sets",
    "slots",
    "throttles",
}

#: The services that only the console calls.
OF_PAGES = {"account_overview", "keyed_requests", "inbox", "list_runs", "log_ins", "password_ages", "search"}

#: How commands reach a service by the application: by the name of the attribute.
ATTRIBUTES = {"deadlines": "policy"}


def command_modules() -> set[str]:
    """Return the names of the modules in which the commands of the product and of two plug-ins are."""
    specs = [
        spec
        for entry in COMMANDS.values()
        for spec in (
            [*entry.commands.values(), *([entry.default] if entry.default else [])]
            if isinstance(entry, CommandGroup)
            else [entry]
        )
    ]
    locations = [spec.location for spec in specs] + [command.location for command in (*LETTER_COMMANDS, *SMS_COMMANDS)]
    return {location.partition(":")[0] for location in locations}


def service_modules() -> set[str]:
    return {path.stem for path in SERVICES.iterdir() if not path.name.startswith("__")}


def called(module: str) -> set[str]:
    """Return the services that a module imports, or reaches as attributes of ``app``."""
    spec = find_spec(module)
    assert spec
    assert spec.origin
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    imported = {
        node.module.split(".")[2]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("provisioner.services.")
    }
    reached = {
        ATTRIBUTES.get(node.attr, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "app"
    }
    return imported | reached


def test_every_command_module_has_its_service() -> None:
    """A command without one keeps its rules where no other caller finds them."""
    modules = {
        name.rpartition(".")[2]: name
        for name in command_modules()
        if name.startswith(("provisioner.cli.", "provisioner_sms.reports"))
    }

    assert sorted(SERVICES_OF.keys() & modules.keys()) == sorted(SERVICES_OF)
    assert [name for name, wanted in SERVICES_OF.items() if not wanted <= called(modules[name])] == []


def test_no_command_module_is_forgotten() -> None:
    modules = {name.rpartition(".")[2] for name in command_modules() if name.startswith("provisioner.cli.commands.")}

    assert modules - SERVICES_OF.keys() == set()


def test_every_service_is_called_by_a_command() -> None:
    """What no command calls is dead, or is a command that somebody forgot."""
    assert service_modules() - SHARED - OF_PAGES == set().union(*SERVICES_OF.values())


def test_no_service_prints() -> None:
    """It would end up in the middle of a web page."""
    calls = [
        f"{path.name}:{node.lineno}"
        for path in SERVICES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]

    assert calls == []
