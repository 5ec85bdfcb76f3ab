"""Gives accounts new passwords on 389 Directory Server and on Samba, and compares with a bare script.

Both make the same calls with eight at once: read the entry, set the password as this directory wants it (Active
Directory: twice, in two requests), and log in with it. Ours does it as ``provisioner account rotate``, with plan,
preflight and the journal on disk; messages are delivered into memory. slapd is measured beside them. Samba needs root.
Usage: ``python benchmarks/rotating_families.py [--accounts N] [--rounds N] [--family NAME ...]``.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from opening import PARALLEL, timed
from rotating import command, open_accounts, toml

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
            open_accounts(folder, CONFIG.format(parallel=PARALLEL) + toml(server.config), names)
            ratios = [compare(folder, server, family, names) for _ in range(options.rounds)]
        for figure, found in zip(("rate", "processor"), zip(*ratios, strict=True), strict=True):
            spread = f"{min(found):.2f} to {max(found):.2f}"
            print(f"{family}, by {figure}: median {statistics.median(found):.2f} ({spread}), wanted 0.8", flush=True)


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


if __name__ == "__main__":
    main()
