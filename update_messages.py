"""Brings the translations up to date with the code: ``make messages`` runs it.

New messages get an empty translation, or that of a similar message as a proposal that is marked ``fuzzy``. Messages
that the code no longer has are removed. Translate, remove the marks, and run it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from importlib import import_module
from io import BytesIO
from pathlib import Path

import attrs
import click
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir, extract_from_file
from babel.messages.pofile import read_po, write_po

from compile_messages import compile_stale
from provisioner.cli.help import VALUE_NAMES, is_example, paragraphs
from provisioner.cli.lazy import CommandGroup, CommandSpec, load
from provisioner.cli.root import root
from provisioner.cli.table import COMMANDS
from provisioner.core.governance.access_requests import RequestState
from provisioner.core.governance.incidents import IncidentState, IncidentStep
from provisioner.core.governance.roles import Role
from provisioner.core.governance.tokens import TokenState
from provisioner.core.model import AccountState, MessageState, OperationKind, OperationState, Outcome, TargetState
from provisioner.core.model.differences import DifferenceKind
from provisioner.core.model.tokens import TokenAccess
from provisioner.core.reconcile.adoption import PasswordAge
from provisioner.services.health_check import CheckStatus
from provisioner.services.installed_plugins import PluginState
from provisioner.services.targets import Condition, SystemKind
from provisioner.testing.contract.results import Verdict

ROOT = Path(__file__).parent

#: A message as gettext knows it: its template, or those for one and for many.
Message = str | tuple[str, ...]

#: Words that are looked up by their value.
ENUMERATIONS: list[type[StrEnum]] = [
    AccountState,
    OperationKind,
    OperationState,
    Outcome,
    TargetState,
    CheckStatus,
    PluginState,
    Verdict,
    Role,
    RequestState,
    IncidentState,
    IncidentStep,
    Condition,
    SystemKind,
    DifferenceKind,
    PasswordAge,
    MessageState,
    TokenAccess,
    TokenState,
]
WORDS = {word.value for words in ENUMERATIONS for word in words} | {"configuration", "store"}

#: Fields of units and persons, which are shown by the names that they have in JSON.
FIELDS = {"parent", "title", "mobile"}

#: What libraries and the system say, and our messages quote; with an example, to see that it is recognised.
QUOTED = {
    "'{name}' must be >= {bound}": "'days' must be >= 1",
    "'{name}' must be <= {bound}": "'days' must be <= 1",
    "'{name}' must be > {bound}": "'days' must be > 1",
    "'{name}' must be < {bound}": "'days' must be < 1",
    "'{name}' must be in {bound}": "'language' must be in ('tr', 'en')",
    "{reason} (at line {line}, column {column})": "Invalid value (at line 1, column 5)",
    "{reason} (at end of document)": "Unclosed array (at end of document)",
    "Cannot declare {quoted} twice": "Cannot declare ('a',) twice (at line 1, column 5)",
    "Cannot mutate immutable namespace {quoted}": "Cannot mutate immutable namespace ('a',) (at line 1, column 5)",
    "Cannot redefine namespace {quoted}": "Cannot redefine namespace ('a',) (at line 1, column 5)",
    "Duplicate inline table key {quoted}": "Duplicate inline table key 'a' (at end of document)",
    "Found invalid character {quoted}": "Found invalid character '\\n' (at line 1, column 5)",
    "Illegal character {quoted}": "Illegal character '\\n' (at end of document)",
    **{
        text: text
        for text in (
            "Cannot overwrite a value",
            "Escaped character is not a Unicode scalar value",
            "Expected '=' after a key in a key/value pair",
            "Expected ']' at the end of a table declaration",
            "Expected ']]' at the end of an array declaration",
            "Expected newline or end of document after a statement",
            "Invalid date or datetime",
            "Invalid hex value",
            "Invalid initial character for a key part",
            "Invalid statement",
            "Invalid value",
            "Unclosed array",
            "Unclosed inline table",
            "Unescaped '\\' in a string",
            "Unterminated string",
            "Address already in use",
            "Connection refused",
            "File exists",
            "Is a directory",
            "No space left on device",
            "No such file or directory",
            "Not a directory",
            "Permission denied",
            "Read-only file system",
        )
    },
}

#: The commands of plug-ins, by the plug-in.
PLUGIN_COMMANDS = {
    "letter": ("provisioner_letter.cli:group",),
    "pys": ("provisioner_pys.cli:group",),
    "sms": ("provisioner_sms.cli:group", "provisioner_sms.reports_cli:group"),
}

#: The modules of click whose texts a user may see.
CLICK = ("core", "exceptions", "formatting", "parser", "types")

#: Texts in them that our commands cannot lead to: of prompts, deprecated commands, and for programmers.
NOT_OURS = {
    "Arguments take exactly one parameter declaration, got {length}: {decls}.",
    "Boolean option {decl!r} cannot use the same flag for true/false.",
    "Could not determine name for option with declarations {decls!r}",
    "Try '{command} {option}' for help.",
    "{len_type} values are required, but {len_value} was given.",
    "{len_type} values are required, but {len_value} were given.",
    "{value!r} is not a valid boolean. Recognized values: {states}",
    "(dynamic)",
    "Aborted!",
    "Choice({choices})",
    "Could not open file {filename!r}: {message}",
    "deprecated",
    "directory",
    "env var: {var}",
    "file",
    "path",
    "unknown error",
    "Invalid start character for option ({option})",
    "{value!r} is not a valid UUID.",
    "Positional arguments",
}

#: What else is looked up for help: what click does not look up itself, and what we add.
MORE_HELP = {"Error: {message}", "Commands", "Show this message and exit.", "version", "required"}


@attrs.frozen
class Domain:
    """One file of translations.

    Args:

        package: The folder of the package.

        name: The name of the file.

        find: Returns the messages that it translates.
    """

    package: Path
    name: str
    find: Callable[[], Iterable[Message]]

    @property
    def file(self) -> Path:
        """Where it is."""
        return self.package / "locale" / "tr" / "LC_MESSAGES" / f"{self.name}.po"

    def translations(self) -> Catalog:
        """Return what it says."""
        with self.file.open("rb") as stream:
            return read_po(stream)

    def template(self) -> Catalog:
        """Return what it should translate."""
        catalog = Catalog()
        for message in self.find():
            catalog.add(message)
        return catalog

    def update(self) -> None:
        """Write it again."""
        translations = self.translations()
        translations.update(self.template())
        written = BytesIO()
        write_po(written, translations, width=120, sort_output=True, ignore_obsolete=True, omit_header=True)
        header, _, _ = self.file.read_bytes().partition(b"\n\n")
        self.file.write_bytes(header + b"\n\n" + written.getvalue().strip() + b"\n")


def messages(package: Path) -> set[Message]:
    """Return the messages in the code of a package."""
    method = "provisioner.testing.extraction.extract"
    with_commands = ["cli/**.py", "cli.py", "demo/**.py"]
    found = extract_from_dir(
        package,
        [*((pattern, method) for pattern in (*with_commands, "**.py")), ("console/templates/**.html", "jinja2")],
        {pattern: {"commands": "true"} for pattern in with_commands},
        {**DEFAULT_KEYWORDS, "say": None},
    )
    return {message for _, _, message, _, _ in found}


def product() -> set[Message]:
    """Return the messages of the product, and the words and sentences that it looks up."""
    return messages(ROOT / "provisioner") | WORDS | FIELDS | set(QUOTED)


def plugin(name: str) -> set[Message]:
    """Return the messages of a plug-in, and the help of its commands."""
    own = messages(ROOT / f"plugins/{name}/provisioner_{name}")
    texts = {text for command in plugin_commands(name) for text in help_texts(command)}
    return own | (texts - product_help())


def product_help() -> set[Message]:
    """Return the texts of help and of usage errors, and the names of values of all commands."""
    commands = [*below(root), *(load(entry.location) for entry in entries())]
    groups = {command.help for command in COMMANDS.values() if isinstance(command, CommandGroup)}
    shown = {text for command in commands for text in help_texts(command)}
    with_plugins = [*commands, *(command for name in PLUGIN_COMMANDS for command in plugin_commands(name))]
    names = {name for command in with_plugins for name in value_names(command)}
    listed = {entry.help for entry in entries()}
    return shown | groups | listed | names | {"OPTIONS", "COMMAND", "ARGS"} | click_texts() | MORE_HELP


def click_texts() -> set[Message]:
    """Return the texts in click's source."""
    found: set[Message] = set()
    for name in CLICK:
        source = str(import_module(f"click.{name}").__file__)
        found |= {message for _, message, _, _ in extract_from_file("python", source)}
    beginnings = ("Deprecat", "Name '", "No options defined")
    return {text for text in found if not {text, *text} & NOT_OURS and not str(text).startswith(beginnings)}


def entries() -> Iterator[CommandSpec]:
    """Yield the product's commands, as they are listed before they are imported."""
    for command in COMMANDS.values():
        if isinstance(command, CommandGroup):
            yield from command.commands.values()
            yield from [command.default] if command.default else []
        else:
            yield command


def plugin_commands(name: str) -> Iterator[click.Command]:
    """Yield the commands that a plug-in adds."""
    for location in PLUGIN_COMMANDS.get(name, ()):
        yield from below(load(location))


def below(command: click.Command) -> Iterator[click.Command]:
    """Yield a command and all below it."""
    yield command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            if found := command.get_command(context, name):
                yield from below(found)


def help_texts(command: click.Command) -> Iterator[str]:
    """Yield what the help of one command is made of."""
    yield from (paragraph for paragraph in paragraphs(command.help or "") if not is_example(paragraph))
    yield from paragraphs(command.epilog or "")
    yield from (option.help or "" for option in command.params if isinstance(option, click.Option))


def value_names(command: click.Command) -> Iterator[str]:
    """Yield the names of values in the usage and the options of one command."""
    context = click.Context(command)
    for parameter in command.params:
        if not getattr(parameter, "is_flag", False):
            yield from VALUE_NAMES.findall(parameter.make_metavar(context))


def _plugin_domain(name: str) -> Domain:
    package = ROOT / f"plugins/{name}/provisioner_{name}"
    return Domain(package, package.name, lambda: plugin(name))


DOMAINS = [
    Domain(ROOT / "provisioner", "provisioner", product),
    Domain(ROOT / "provisioner", "help", product_help),
    *map(_plugin_domain, ("ldap", "letter", "mail", "pys", "sms")),
]

if __name__ == "__main__":
    for domain in DOMAINS:
        domain.update()
    compile_stale(ROOT)
