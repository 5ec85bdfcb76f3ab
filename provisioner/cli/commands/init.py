"""``provisioner init``: a configuration that works, and the store."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import attrs
import click

from provisioner import files
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import dry_run_option, json_option
from provisioner.cli.session import Session
from provisioner.config.early import DEFAULT_FILE, configuration_file
from provisioner.core.api.errors import ConfigurationError
from provisioner.services.setup import prepare_store


@click.command("init")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@dry_run_option
@json_option
@click.pass_obj
def command(session: Session, folder: Path | None, *, dry_run: bool) -> ExitCode:
    """Create a configuration and the store.

    The command writes a commented configuration to provisioner.toml in DIR. Without DIR, it writes to the file given by
    --config, by default $PROVISIONER_CONFIG or ./provisioner.toml. You can repeat the command: it keeps an existing
    configuration and updates the store.
    """
    file = folder / DEFAULT_FILE if folder else _default_file(session)
    is_new = not file.exists()
    if is_new and not dry_run:
        _write(file, language=session.given_language or "tr")
    parts = [_Part("configuration", str(file), is_new=is_new)]
    if not dry_run:
        session.config_file = file
        store = prepare_store(session.configuration)
        parts.append(_Part("store", store.place, is_new=store.is_new))
    session.output.document({"items": [part.document() for part in parts]})
    for part in parts:
        part.tell(session)
    if dry_run:
        session.output.say("this is a dry run, nothing was changed")
    return ExitCode.DONE


@attrs.frozen
class _Part:
    """Something that was made, or was there already."""

    name: str
    place: str
    is_new: bool = attrs.field(kw_only=True)

    def document(self) -> dict[str, str]:
        return {"name": self.name, "place": self.place, "state": "made" if self.is_new else "kept"}

    def tell(self, session: Session) -> None:
        name = session.output.text(self.name)
        if self.is_new:
            session.output.say("{name}: {place}: created", name=name, place=self.place)
        else:
            session.output.say("{name}: {place}: exists already", name=name, place=self.place)


def _default_file(session: Session) -> Path:
    return session.config_file or Path(configuration_file(None))


def _write(file: Path, language: str) -> None:
    text = resources.files("provisioner.cli").joinpath("template.toml").read_text(encoding="utf-8")
    try:
        files.make_folder(file.parent)
        files.write(file, text.format(language=language))
    except OSError as error:
        raise ConfigurationError(
            "{file} cannot be written: {reason}",
            cure="name another folder, or let this user write there",
            file=file,
            reason=error.strerror,
        ) from None
