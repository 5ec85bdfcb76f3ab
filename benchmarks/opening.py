"""Opens unit accounts in a real slapd in four ways, and prints the ratios of one run.

Ours
    ``provisioner unit open``: plan, preflight, journal on disk with every write synced, Password Modify over TLS, a
    log-in to prove each password, delivery into memory.
(a) shell
    A loop of ``ldapadd`` and ``ldappasswd``, over TLS.
(b) ansible
    A play with ``community.general.ldap_entry`` and ``ldap_passwd``, over TLS.
(c) bare
    A Python script on ldap3 with as many threads and the same log-ins, and no journal.

All make the same entries, as whole processes against one server, one after the other; the slow ones get fewer
accounts. Only the ratios mean anything. Usage: ``python benchmarks/opening.py [--accounts N] [--rounds N]``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from provisioner.testing.slapd import Slapd

HERE = Path(__file__).parent

#: How many calls run at once, ours and in (c).
PARALLEL = 8

CONFIG = """
[accounts]
domain = "meb.gov.tr"

[targets.directory]
plugin = "ldap"
parallel = {parallel}
connections = {parallel}
attributes = {{ cn = "{{unit_name}}", sn = "{{unit_name}}", mail = "{{mail}}" }}
{directory}

[channels.phones]
plugin = "memory"
"""


def logins(way: str, count: int) -> list[str]:
    return [f"{way}{number}" for number in range(count)]


class Cost(NamedTuple):
    """What a process took, start-up included. Its processor time is the steadier figure on a machine with company."""

    seconds: float
    processor: float

    def said(self, name: str, count: int) -> str:
        each = f"{self.processor / count * 1000:5.2f} ms of processor each"
        return f"{name:8} {count:5} accounts in {self.seconds:6.1f} s: {count / self.seconds:6.1f} accounts/s, {each}"


def processor_time() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def timed(command: list[str], **environment: str) -> Cost:
    """Run a command. What it imports is compiled once, as of an installed package."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    begun, used = time.perf_counter(), processor_time()
    result = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=3000
    )
    cost = Cost(time.perf_counter() - begun, processor_time() - used)
    if result.returncode:
        sys.exit(f"{command[0]} failed with {result.returncode}:\n{result.stdout[-2000:]}\n{result.stderr[-2000:]}")
    return cost


def ours(slapd: Slapd, folder: Path, names: list[str], python: str = sys.executable) -> Cost:
    toml = "\n".join(f"{key} = {json.dumps(value)}" for key, value in slapd.config.items())
    config = folder / "provisioner.toml"
    config.write_text(CONFIG.format(parallel=PARALLEL, directory=toml))
    units, people = folder / "units.csv", folder / "persons.csv"
    units.write_text(
        "code,name,kind,parent,login,custodian\n" + "".join(f"{name},Unit {name},office,,{name},1\n" for name in names)
    )
    people.write_text("id,name,unit,title,mobile,supervisor\n1,Ali Veli,,,05321234567,\n")
    command = [python, "-P", "-m", "provisioner", "--config", str(config), "--json"]
    timed([*command, "init"])
    timed([*command, "person", "import", str(people)])
    return timed([*command, "unit", "open", str(units)])


def shell(slapd: Slapd, folder: Path, names: list[str]) -> Cost:
    (folder / "names").write_text("\n".join(names) + "\n")
    return timed(["bash", str(HERE / "opening_shell.sh"), str(folder / "names")], **connection(slapd))


def ansible(slapd: Slapd, folder: Path, names: list[str]) -> Cost:
    (folder / "vars.json").write_text(json.dumps({"logins": names}))
    play = str(HERE / "opening_ansible.yml")
    command = ["ansible-playbook", "-i", "localhost,", "-c", "local", "-e", f"@{folder / 'vars.json'}", play]
    return timed(command, ANSIBLE_LOCALHOST_WARNING="False", **connection(slapd))


def bare(slapd: Slapd, folder: Path, names: list[str]) -> Cost:
    (folder / "names").write_text("\n".join(names) + "\n")
    command = [sys.executable, str(HERE / "opening_bare.py"), str(folder / "names"), str(PARALLEL)]
    return timed(command, **connection(slapd))


def connection(slapd: Slapd) -> dict[str, str]:
    return {
        # libldap takes "localhost" for the name of the machine, which is not in the certificate.
        "LDAP_URL": f"ldaps://127.0.0.1:{slapd.tls_port}",
        "LDAPTLS_CACERT": str(slapd.ca_file),
        "LDAP_PORT": str(slapd.tls_port),
        "LDAP_BASE": slapd.base_dn,
        "LDAP_BIND": slapd.bind_dn,
        "LDAP_PASSWORD_FILE": str(slapd.folder / "bind.password"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=1000, help="how many accounts ours and (c) open")
    parser.add_argument("--rounds", type=int, default=3, help="how often each of ours, (a) and (c) runs")
    options = parser.parse_args()
    ways: dict[str, tuple[Callable[[Slapd, Path, list[str]], Cost], int, int]] = {
        "ours": (ours, options.accounts, options.rounds),
        "bare": (bare, options.accounts, options.rounds),
        "shell": (shell, max(20, options.accounts // 5), options.rounds),
        "ansible": (ansible, max(10, options.accounts // 40), 1),
    }
    if not shutil.which("ansible-playbook"):
        print("ansible is not installed (Debian: ansible, python3-ldap): (b) is left out", file=sys.stderr)
        del ways["ansible"]
    rates: dict[str, list[float]] = {name: [] for name in ways}
    with Slapd() as slapd:
        for number in range(options.rounds):
            for name, (run, count, rounds) in ways.items():
                if number < rounds:
                    with tempfile.TemporaryDirectory() as folder:
                        cost = run(slapd, Path(folder), logins(f"{name}{number}x", count))
                    rates[name].append(count / cost.seconds)
                    print(cost.said(name, count), flush=True)
    report(rates)


def report(rates: dict[str, list[float]]) -> None:
    for name, target in (("shell", 3), ("ansible", 60), ("bare", 0.8)):
        if name in rates:
            ratios = [mine / rates[name][min(n, len(rates[name]) - 1)] for n, mine in enumerate(rates["ours"])]
            spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
            print(f"ours / {name:8} median {statistics.median(ratios):6.2f} ({spread}), wanted at least {target}")


if __name__ == "__main__":
    main()
