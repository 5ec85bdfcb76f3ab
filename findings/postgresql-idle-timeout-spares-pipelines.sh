#!/usr/bin/env bash
# PostgreSQL 15.20, psycopg 3.3.9: idle_in_transaction_session_timeout doesn't end a session that stops in a pipeline.
#
# Setting: the timeout is 1 s in an open transaction that has locked a row. The client then sends nothing for 4 s: after
#   a statement; in the middle of executemany, while the generator of its rows waits; in the middle of a pipeline; and
#   there after a sync.
#
# Expected: the server ends the session after 1 s each time, so that a client that hangs doesn't keep the lock.
# Seen: without a sync, the server doesn't count the session as idle, because it waits for the rest of the pipeline, and
#   the lock is held for as long as the client lives (pg_stat_activity: active, ClientRead). executemany sends its rows
#   in a pipeline, without a word about it in the program.
#
# Output seen:
#   stopped after a statement: the session was ended
#   stopped in executemany: the session lived, active/ClientRead
#   stopped in a pipeline: the session lived, active/ClientRead
#   stopped in a pipeline after a sync: the session was ended
#
# Needs: Debian 12, apt-get, dpkg, Python 3.11 or newer with venv. Installs nothing; all is in a temporary folder.
set -euo pipefail

version=15.20-0+deb12u1
work=$(mktemp -d)
trap '"$work"/stop 2>/dev/null || true; rm -rf "$work"' EXIT
printf '#!/bin/sh\n' >"$work/stop"
chmod 755 "$work" "$work/stop"
cd "$work"
apt-get --quiet --quiet download "postgresql-15=$version" "postgresql-client-15=$version" "libpq5=$version" 2>/dev/null
for package in ./*.deb; do dpkg --extract "$package" root; done
bin=$work/root/usr/lib/postgresql/15/bin
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libpq.so.5' | head -n 1)")
export LD_LIBRARY_PATH
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check 'psycopg[binary]==3.3.9' 2>/dev/null

# The server refuses to run as root.
as_server() {
    if [ "$(id -u)" = 0 ]; then setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"; else "$@"; fi
}
mkdir data
[ "$(id -u)" != 0 ] || chown nobody data
as_server "$bin/initdb" -D "$work/data" -U owner -A trust -E UTF8 --locale=C -L "$work/root/usr/share/postgresql/15" >/dev/null
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
as_server "$bin/postgres" -D "$work/data" -p "$port" -k "$work/data" -c listen_addresses=127.0.0.1 -c fsync=off >log 2>&1 &
printf '#!/bin/sh\nkill -INT %s; sleep 1\n' "$!" >stop
for _ in $(seq 50); do "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" && break; sleep 0.2; done

cat >measure.py <<'PYTHON'
import contextlib
import sys
import time

import psycopg

ADDRESS = f"host=127.0.0.1 port={sys.argv[1]} user=owner dbname=postgres"
TIMEOUT = "1s"
#: How long the client sends nothing, in seconds.
PAUSE = 4
CHANGE = "UPDATE counters SET value = value + %s"
SEEN = {
    "after a statement": "was ended",
    "in executemany": "lived, active/ClientRead",
    "in a pipeline": "lived, active/ClientRead",
    "in a pipeline after a sync": "was ended",
}


def connect():
    return psycopg.connect(ADDRESS, autocommit=True)


def state(process):
    """Wait, and return what the server does with a session."""
    time.sleep(PAUSE)
    with connect() as watcher:
        query = "SELECT state || '/' || wait_event FROM pg_stat_activity WHERE pid = %s"
        found = watcher.execute(query, [process]).fetchone()
    return f"lived, {found[0]}" if found else "was ended"


def stop(connection, where):
    """Stop in the middle of a transaction, and return what the server does with the session."""
    process = connection.info.backend_pid
    if where == "after a statement":
        connection.execute(CHANGE, [1])
        return state(process)
    seen = []
    if where == "in executemany":

        def rows():
            yield [1]
            seen.append(state(process))
            yield [1]

        connection.cursor().executemany(CHANGE, rows())
    else:
        with contextlib.suppress(psycopg.OperationalError), connection.pipeline() as pipeline:
            connection.execute(CHANGE, [1])
            if where.endswith("sync"):
                pipeline.sync()
            seen.append(state(process))
    return seen[0]


def measure(where):
    with contextlib.closing(connect()) as connection:
        connection.execute(f"BEGIN; SET LOCAL idle_in_transaction_session_timeout = '{TIMEOUT}'")
        return stop(connection, where)


with connect() as owner:
    owner.execute("CREATE TABLE counters AS SELECT 0 AS value")
found = {where: measure(where) for where in SEEN}
for where, what in found.items():
    print(f"stopped {where}: the session {what}")
sys.exit(found != SEEN)
PYTHON
if venv/bin/python measure.py "$port"; then echo "as described"; else echo "the behaviour has changed" >&2; exit 1; fi
