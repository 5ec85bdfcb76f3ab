"""Generates ``docs/reference/json.md`` by running every command with ``--json`` on a site of its own."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import chdir, closing, redirect_stderr, redirect_stdout, suppress
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from tempfile import TemporaryDirectory

from provisioner.cli.root import root

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "kahramanmaras"
TEMPLATE = Path(__file__).with_name("json_documents.md")

#: Added to the configuration before the first command.
RULES = '\n[rules.backups]\nrule = "backup-duty"\n'

#: Accounts that the directory has before the site opens any: one that can be adopted, and one that can't.
UNKNOWN = "INSERT INTO entries (login, mail, holder, hash, enabled) VALUES (?, ?, ?, '', 1)"
UNKNOWN_ACCOUNTS = (("ab46", "ab@meb.gov.tr", "460016"), ("eski46", "eski46@meb.gov.tr", None))

#: The command lines in their order. ``ID`` is the first id of the command before; lines in brackets are not shown.
LINES = """
init
check
person import persons.csv
(person import numbers.csv)
person confirm-number 460001
person show 460001
unit import units.csv
reconcile --adopt --dry-run
unit apply units.csv --dry-run
unit open ortaogretim --dry-run
unit open ortaogretim
account create ab46
(unit open units.csv)
unit list
unit show strateji-gelistirme
account list
(reconcile)
account show ab46
account close ab46
account reopen ab46
account rotate ab46
account update ab46
account complete ab46
account verify ab46
handover hukuk46 --to 460001
handover list
handover show ID
clearance 460001 --leaving
--actor 460016 request submit ab46 --kind rotate --reason demonstration
request list
request show ID
(request list)
--actor 460013 request approve ID
(request list)
--actor 460040 request execute ID
(--actor 460016 request submit ab46 --kind close --reason demonstration)
(request list --state submitted)
--actor 460013 request reject ID --reason no
authority grant 460040 officer
authority delegate --from 460040 --to 460001 --role officer --until 2999-12-31
authority list
authority show 460001
authority revoke 460040 officer
--actor 460016 token create demonstration --days 90
token list
token revoke ID
--actor 460016 trouble report ab46 --text demonstration
trouble list
trouble show ID
(trouble list)
trouble escalate ID
(trouble list)
trouble resolve ID --text demonstration
policy show
policy due
policy simulate --days 31
policy confirm ab46 backups
policy sweep
target list
reconcile
target maintenance pys --until 2999-12-31T12:00
(account close atama46)
operation list
operation show ID
operation retry ID
(target maintenance pys --off)
resume
target resume pys
(unit close bilgi-islem insan-kaynaklari temel-egitim ozel-egitim din-ogretimi ortaogretim --with-subtree)
policy staged
policy release ID --actor 460040
(unit close egitim-denetmenleri strateji-gelistirme hayat-boyu-ogrenme ozel-ogretim --with-subtree)
(policy staged)
policy discard ID --actor 460040
sms-simulator inbox +905940004616
audit list --login ab46 --kind operation_ended
audit verify
audit anchor
backup backup.tar
status
metrics write provisioner.prom
plugins
contract pys --dry-run
new-plugin mail_server
unit remove il-mem --dry-run
unit show nowhere
"""

#: Values that say more than their type.
LITERAL = {"class", "hook", "kind", "outcome", "role", "state"}


def page() -> str:
    """Return the whole page."""
    with TemporaryDirectory() as folder:
        site = Path(folder)
        for file in EXAMPLE.glob("*.csv"):
            shutil.copy(file, site)
        (site / "numbers.csv").write_text(_with_other_number(site / "persons.csv"), encoding="utf-8")
        documents = "\n\n".join(_documents(site))
    return TEMPLATE.read_text(encoding="utf-8").rstrip() + f"\n\n{documents}\n"


def _with_other_number(persons: Path) -> str:
    """Return the first person of a list with another mobile number."""
    header, person, *_ = persons.read_text(encoding="utf-8").splitlines()
    return f"{header},other_mobile\n{person},+905940009901\n"


def _documents(site: Path) -> Iterator[str]:
    found = ""
    for line in LINES.strip().splitlines():
        command = line.strip("()").replace(" ID", f" {found}")
        document = json.loads(_run(site, command))
        found = _first_id(document) or found
        if command == "init":
            with (site / "provisioner.toml").open("a", encoding="utf-8") as configuration:
                configuration.write(RULES)
        if command == "check":
            _fill(site / "directory.sqlite")
        if not line.startswith("("):
            yield f"### {_title(line)}\n\n```json\n{json.dumps(shape(document), indent=2, ensure_ascii=False)}\n```"


def _fill(directory: Path) -> None:
    with closing(sqlite3.connect(directory)) as connection, connection:
        connection.executemany(UNKNOWN, UNKNOWN_ACCOUNTS)


def _run(site: Path, command: str) -> str:
    output = TextIOWrapper(BytesIO(), encoding="utf-8", write_through=True)
    with chdir(site), redirect_stdout(output), redirect_stderr(StringIO()), suppress(SystemExit):
        root.main(["--lang", "en", "--json", *command.split()])
    return output.buffer.getvalue().decode()


def _first_id(document: dict[str, object]) -> str | None:
    items = document.get("items")
    first = items[0] if isinstance(items, list) and items else document
    found = first.get("id") if isinstance(first, dict) else None
    return found if isinstance(found, str) else None


def _title(line: str) -> str:
    if line.endswith("nowhere"):
        return "An error"
    return re.sub(r"--actor \w+", "", line).replace("--dry-run", "(dry run)").strip()


def shape(value: object, key: str = "") -> object:
    """Return a document with the type of each value in its place; lists have one item."""
    match value:
        case dict():
            return {name: shape(inner, name) for name, inner in value.items()}
        case list():
            return _merged([shape(item, key) for item in value]) if value else []
        case bool() | None:
            return value
        case int() | float():
            return 0
        case str():
            return value if key in LITERAL else _kind_of_text(value)
    return value


def _merged(shapes: list[object]) -> list[object]:
    """Return one shape for all items: for each key, the first value that is not empty."""
    tables = [item for item in shapes if isinstance(item, dict)]
    if not tables:
        return shapes[:1]
    names = dict.fromkeys(name for table in tables for name in table)
    return [{name: _first([table.get(name) for table in tables]) for name in names}]


def _first(values: list[object]) -> object:
    return next((value for value in values if value not in (None, [], {})), values[0])


def _kind_of_text(text: str) -> str:
    if re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z|\d{4}-\d\d-\d\dT.*\+\d\d:\d\d", text):
        return "<time>"
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return "<date>"
    return "<id>" if re.fullmatch(r"[0-9a-f]{8}-[0-9a-f-]{27}", text) else "<text>"


if __name__ == "__main__":
    (ROOT / "docs" / "reference" / "json.md").write_text(page(), encoding="utf-8")
