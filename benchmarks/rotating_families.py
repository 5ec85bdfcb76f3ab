"""Gives accounts new passwords on 389 Directory Server and on Samba, and compares with a bare script.

Both make the same calls with eight at once: read the entry, set the password as this directory wants it (Active
Directory: twice, in two requests), and log in with it. Ours does it as ``provisioner account rotate``, with plan,
preflight and the journal on disk; messages are delivered into memory. slapd is measured beside them. Samba needs root.
Usage: ``python benchmarks/rotating_families.py [--accounts N] [--rounds N] [--family NAME ...]``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from opening import PARALLEL, timed

from provisioner.store import Store
from provisioner.testing.dirsrv389 import NsSlapd
from provisioner.testing.private import PrivateDirectory
from provisioner.testing.samba import Samba
from provisioner.testing.slapd import Slapd

BARE = Path(__file__).with_name("rotating_families_bare.py")

SERVERS: Mapping[str, Callable[[], PrivateDirectory]] = {
    "openldap": Slapd,
    "389ds": NsSlapd,
    "active-directory": Samba,
}

CONFIG = """
[accounts]
domain = "meb.gov.tr"

[channels.phones]
plugin = "memory"

[targets.directory]
plugin = "ldap"
parallel = {parallel}
connections = {parallel}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--family", choices=SERVERS, action="append", help="all by default")
    options = parser.parse_args()
    names = [f"unit{number}" for number in range(options.accounts)]
    for family in options.family or SERVERS:
        with tempfile.TemporaryDirectory() as place, SERVERS[family]() as server:
            folder = Path(place)
            prepare(folder, server, names)
            ratios = [compare(folder, server, family, names) for _ in range(options.rounds)]
        for figure, found in zip(("rate", "processor"), zip(*ratios, strict=True), strict=True):
            spread = f"{min(found):.2f} to {max(found):.2f}"
            print(f"{family}, by {figure}: median {statistics.median(found):.2f} ({spread}), wanted 0.8", flush=True)


def prepare(folder: Path, server: PrivateDirectory, names: list[str]) -> None:
    """Open the accounts that are rotated afterwards."""
    (folder / "provisioner.toml").write_text(CONFIG.format(parallel=PARALLEL) + toml(server.config))
    Store.create(f"sqlite:///{folder / 'provisioner.sqlite'}")
    (folder / "persons.csv").write_text("id,name,unit,title,mobile,supervisor\n1,Ali Veli,,,+905321234567,\n")
    rows = "".join(f"{name},Unit {name},office,,{name},1\n" for name in names)
    (folder / "units.csv").write_text("code,name,kind,parent,login,custodian\n" + rows)
    timed([*command(folder), "person", "import", str(folder / "persons.csv")])
    timed([*command(folder), "unit", "open", str(folder / "units.csv")])
    (folder / "names").write_text("\n".join(names))


def toml(settings: Mapping[str, object]) -> str:
    """Return settings as TOML; a table comes on one line."""
    return "\n".join(f"{name} = {inline(value)}" for name, value in settings.items())


def inline(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {inline(inner)}" for name, inner in value.items()) + " }"
    return json.dumps(value)


def compare(folder: Path, server: PrivateDirectory, family: str, names: list[str]) -> tuple[float, float]:
    """Return the ratios of the time and of the processor time."""
    ours = timed([*command(folder), "account", "rotate", *names])
    environment = {
        "FAMILY": family,
        "LDAP_HOST": server.host,
        "LDAP_PORT": str(server.tls_port),
        "LDAP_BASE": server.base_dn,
        "LDAP_BIND": server.bind_dn,
        "LDAP_PASSWORD_FILE": str(server.folder / "bind.password"),
    }
    bare = timed([sys.executable, str(BARE), str(folder / "names"), str(PARALLEL)], **environment)
    print(family, ours.said("ours", len(names)), bare.said("bare", len(names)), sep="\n", flush=True)
    return bare.seconds / ours.seconds, bare.processor / ours.processor


def command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "provisioner", "--config", str(folder / "provisioner.toml"), "--json"]


if __name__ == "__main__":
    main()
