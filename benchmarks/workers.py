"""What the benchmarks of workers share: a server that writes to the disk, a store, a plug-in, and worker processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from provisioner.config.load import LoadedConfiguration, load
from provisioner.services.setup import prepare_store
from provisioner.testing.postgresql import PrivatePostgresql

#: What all configurations have: workers that share operations, and look for due ones only at first.
COMMON = """\
store = "postgresql://{user}@{host}:{port}/provisioner"
store_password = "file:{password}"
[accounts]
domain = "meb.gov.tr"
[notices]
quiet_hours = ""
"""

WORKER = """\
[worker]
distribute = true
listen = "127.0.0.1:0"
look_every_seconds = 300
"""


class Durable(PrivatePostgresql):
    """A server that writes to the disk before it answers."""

    settings = "max_connections = 300\nshared_buffers = 256MB\n"


def new_store(server: Durable, folder: Path, *, plugin: str, code: str, settings: str) -> LoadedConfiguration:
    """Make a store on a server, and return its configuration.

    Args:

        server: The server.

        folder: Where the configuration and the plug-in are written.

        plugin: The name of the plug-in.

        code: Its module, which workers import too.

        settings: The rest of the configuration, with a table ``[worker]``.
    """
    (folder / f"{plugin}.py").write_text(code)
    information = folder / f"{plugin}-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {plugin}\nVersion: 1\n")
    (information / "entry_points.txt").write_text(f"[provisioner.plugins]\n{plugin} = {plugin}\n")
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = str(folder)
    with administrator(server) as connection:
        connection.execute(f"CREATE DATABASE provisioner OWNER {server.user}")
    place = {"user": server.user, "host": server.host, "port": server.port, "password": server.folder / "password"}
    text = COMMON.format(**place) + settings.replace("[worker]\n", WORKER)
    (folder / "provisioner.toml").write_text(text)
    config = load(folder / "provisioner.toml")
    prepare_store(config)
    return config


@contextmanager
def working(folder: Path, concurrency: int) -> Iterator[int]:
    """Start a worker, wait until it is ready, and give its number."""
    command = [sys.executable, "-m", "provisioner", "--config", str(folder / "provisioner.toml"), "--json", "worker"]
    command += ["--concurrency", str(concurrency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder) as process:
        assert process.stdout
        assert json.loads(process.stdout.readline())["url"]
        try:
            yield process.pid
        finally:
            process.terminate()


@contextmanager
def administrator(server: Durable, database: str = "postgres") -> Iterator[psycopg.Connection[tuple[int]]]:
    with psycopg.connect(
        host=server.host,
        port=server.port,
        user=server.admin,
        password=server.admin_password.reveal(),
        dbname=database,
        autocommit=True,
    ) as connection:
        yield connection


def processor_time(process: int) -> float:
    """Return the seconds that a process has spent on processors so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def server_seconds(server: Durable) -> float:
    """Return the processor time of a server and all its processes."""
    leader = int((Path(server.folder) / "data/postmaster.pid").read_text().split()[0])
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            fields = stat.read_text().rpartition(")")[2].split()
            own, ended = sum(map(int, fields[11:13])), sum(map(int, fields[13:15]))
            ticks += own + ended if stat.parent.name == str(leader) else own * (int(fields[1]) == leader)
    return ticks / os.sysconf("SC_CLK_TCK")
