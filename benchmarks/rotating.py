"""Gives unit accounts new passwords on a real slapd, a PYS service and Kannel, and compares with a bare script.

Both make the same calls with eight at once: read the entry, because nothing else can tell the former password's hash if
the change has to be rolled back; set and prove the password in the directory and in PYS; then send it. Ours does it as
``provisioner account rotate``, with plan, preflight, a look-up of each holder and the journal on disk. The PYS service
has a process of its own. Usage: ``python benchmarks/rotating.py [--accounts N] [--rounds N]``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from opening import PARALLEL, connection, timed

from provisioner.store import Store
from provisioner.testing.kannel import Kannel
from provisioner.testing.slapd import Slapd

HERE = Path(__file__).parent
NUMBER = "+905321234567"

CONFIG = """
[accounts]
domain = "meb.gov.tr"

[targets.directory]
plugin = "ldap"
parallel = {parallel}
connections = {parallel}
{directory}

[targets.pys]
plugin = "pys"
parallel = {parallel}
url = "{pys}"
api_key = "file:pys.key"

[channels.sms]
plugin = "sms"
parallel = {parallel}
gateway = "kannel"
help_desk = "705 53 53"
sender = "KURUM"

[channels.sms.kannel]
{kannel}
"""


def toml(settings: Mapping[str, object]) -> str:
    """Return settings as TOML; a table comes on one line."""
    return "\n".join(f"{name} = {inline(value)}" for name, value in settings.items())


def inline(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {inline(inner)}" for name, inner in value.items()) + " }"
    return json.dumps(value)


@contextmanager
def pys_service(folder: Path) -> Iterator[str]:
    (folder / "pys.key").write_text("benchmark-key")
    command = [sys.executable, "-m", "provisioner", "pys-mock", "serve", "--port", "0"]
    command += ["--database", str(folder / "pys.sqlite"), "--api-key", f"file:{folder / 'pys.key'}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder) as process:
        assert process.stdout is not None
        try:
            yield next(word for word in process.stdout.readline().split() if word.startswith("http"))
        finally:
            process.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    names = [f"unit{number}" for number in range(options.accounts)]
    with tempfile.TemporaryDirectory() as place, Slapd() as slapd, Kannel.running() as kannel:
        folder = Path(place)
        with pys_service(folder) as pys:
            prepare(folder, slapd, kannel, pys, names)
            ratios = [compare(folder, slapd, kannel, pys, names) for _ in range(options.rounds)]
    for name, found in (("rate", [rate for rate, _ in ratios]), ("processor", [used for _, used in ratios])):
        spread = f"{min(found):.2f} to {max(found):.2f}"
        print(f"ours against bare, by {name}: median {statistics.median(found):.2f} ({spread}), wanted 0.8")


def prepare(folder: Path, slapd: Slapd, kannel: Kannel, pys: str, names: list[str]) -> None:
    settings = kannel.settings()["kannel"]
    config = CONFIG.format(parallel=PARALLEL, directory=toml(slapd.config), pys=pys, kannel=toml(settings))
    open_accounts(folder, config, names)


def open_accounts(folder: Path, config: str, names: list[str]) -> None:
    """Open the accounts that are rotated afterwards."""
    (folder / "provisioner.toml").write_text(config)
    Store.create(f"sqlite:///{folder / 'provisioner.sqlite'}")
    (folder / "persons.csv").write_text(f"id,name,unit,title,mobile,supervisor\n1,Ali Veli,,,{NUMBER},\n")
    rows = "".join(f"{name},Unit {name},office,,{name},1\n" for name in names)
    (folder / "units.csv").write_text("code,name,kind,parent,login,custodian\n" + rows)
    timed([*command(folder), "person", "import", str(folder / "persons.csv")])
    timed([*command(folder), "unit", "open", str(folder / "units.csv")])
    (folder / "names").write_text("\n".join(names))


def compare(folder: Path, slapd: Slapd, kannel: Kannel, pys: str, names: list[str]) -> tuple[float, float]:
    ours = timed([*command(folder), "account", "rotate", *names])
    environment = connection(slapd) | {
        "PYS_URL": pys,
        "PYS_KEY_FILE": str(folder / "pys.key"),
        "KANNEL": json.dumps(kannel.settings()["kannel"]),
        "NUMBER": NUMBER,
    }
    bare = timed([sys.executable, str(HERE / "rotating_bare.py"), str(folder / "names"), str(PARALLEL)], **environment)
    print(ours.said("ours", len(names)), bare.said("bare", len(names)), sep="\n", flush=True)
    return bare.seconds / ours.seconds, bare.processor / ours.processor


def command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "provisioner", "--config", str(folder / "provisioner.toml"), "--json"]


if __name__ == "__main__":
    main()
