"""``provisioner new-plugin``: a project for a plug-in of one's own, with tests that are green at once."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.options import dry_run_option, json_option
from provisioner.cli.session import Session
from provisioner.core.api.errors import ConfigurationError, InputError, Problem
from provisioner.core.model.text import Text
from provisioner.scaffold import Project
from provisioner.services.installed_plugins import installed

#: What a plug-in may be called: it becomes the name of a Python package and of a distribution.
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

LONGEST = 40


@click.command("new-plugin")
@click.argument("name")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@dry_run_option
@json_option
@click.pass_obj
def command(session: Session, name: str, folder: Path | None, *, dry_run: bool) -> ExitCode:
    """Create a project for a new plug-in.

    The command writes the target plug-in NAME to DIR, which must be empty or must not exist. Without DIR, it writes to
    ./provisioner-NAME, with hyphens in place of underscores. The project works without changes: it comes with an
    example system, which you replace with calls to your own system.
    """
    _expect_usable(name)
    project = Project(name)
    place = folder or Path(project.distribution)
    _expect_empty(place)
    files = [(place / path, text) for path, text in project.files()]
    if not dry_run:
        _write(files)
    session.output.document({"plugin": name, "folder": str(place), "items": [str(path) for path, _ in files]})
    for path, _ in files:
        session.output.line(str(path))
    if dry_run:
        session.output.say("this is a dry run, nothing was changed")
    else:
        session.output.say("next: cd {folder} && pip install --editable '.[test]' && pytest", folder=place)
    return ExitCode.DONE


def _expect_usable(name: str) -> None:
    if not NAME.fullmatch(name) or len(name) > LONGEST or keyword.iskeyword(name):
        raise _wrong(
            Text(
                "expected a Python name in lower case, of {longest} characters at most, such as 'mail_server'",
                {"longest": LONGEST},
            )
        )
    if name.startswith("test"):
        raise _wrong(Text("pytest would treat modules named {plugin} as tests", {"plugin": name}))
    if name in {entry.name for entry in installed()}:
        raise _wrong(Text("a plug-in {plugin} is installed already", {"plugin": name}))


def _wrong(message: Text) -> InputError:
    return InputError([Problem(field="name", message=message)])


def _expect_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError("{folder} is not empty", cure="name another folder", folder=folder)


def _write(files: list[tuple[Path, str]]) -> None:
    for path, text in files:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as stream:
                stream.write(text)
        except OSError as error:
            raise ConfigurationError(
                "{file} cannot be written: {reason}",
                cure="name another folder, or let this user write there",
                file=path,
                reason=error.strerror,
            ) from None
