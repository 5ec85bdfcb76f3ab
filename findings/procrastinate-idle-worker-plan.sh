#!/usr/bin/env bash
# procrastinate 3.10.0 on PostgreSQL 15.20: a worker that was idle reads the square of the batch to fetch one job.
#
# Setting: a connection that has polled for jobs for a while, as that of each idle worker does, and a table of jobs that
# VACUUM has seen empty. Then 4,000 jobs arrive in one batch, each with a lock of its own (one per account, say).
#
# Expected: the first fetch reads as many rows as the first fetch on a new connection.
# Seen: the fetch function keeps the generic plan that the old connection made for the empty table, a nested loop over
#   two sequential scans. One fetch reads every pair of jobs: seconds for 4,000 jobs, minutes for 10,000. A connection
#   with plan_cache_mode=force_custom_plan, and a new one, read each job twice.
#
# Output seen:
#   a worker with plan_cache_mode=force_custom_plan reads 8002 rows for one of 4000 jobs
#   a new worker reads 8002 rows for one of 4000 jobs
#   a worker that was idle reads 16008001 rows for one of 4000 jobs
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
venv/bin/pip install --quiet --disable-pip-version-check 'procrastinate==3.10.0' 'psycopg[binary]==3.3.9' 2>/dev/null

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
import sys

import procrastinate
import psycopg

ADDRESS = f"host=127.0.0.1 port={sys.argv[1]} user=owner dbname=postgres"
JOBS = 4_000

connector = procrastinate.SyncPsycopgConnector(conninfo=ADDRESS)
app = procrastinate.App(connector=connector)


@app.task(name="renew")
def renew() -> None:
    pass


def connect(options: str = "") -> psycopg.Connection:
    return psycopg.connect(ADDRESS, autocommit=True, options=options)


def rows_read(connection: psycopg.Connection, worker: int) -> int:
    """Fetch one job, and return how many rows of the table of jobs that took. The job is given back."""
    with connection.transaction(force_rollback=True):
        [job] = connection.execute(SQL, {"queues": None, "worker": worker}).fetchall()
        assert job[0] is not None
        return connection.execute(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'procrastinate_jobs'"
        ).fetchone()[0]


with app.open(), connect() as admin:
    app.schema_manager.apply_schema()
    signature = admin.execute(
        "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE proname LIKE 'procrastinate_fetch_job%' ORDER BY 1 DESC"
    ).fetchone()[0]
    name = signature.partition("(")[0]
    SQL = f"SELECT id FROM {name}(%(queues)s::varchar[], %(worker)s::bigint)"
    worker = admin.execute("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id").fetchone()[0]
    admin.execute("VACUUM ANALYZE procrastinate_jobs")
    old, custom = connect(), connect("-c plan_cache_mode=force_custom_plan")
    for _ in range(20):  # both poll the empty table, as idle workers do
        for connection in (old, custom):
            connection.execute(SQL, {"queues": None, "worker": worker}).fetchall()
    jobs = [renew.configure(lock=f"account:{number}").job for number in range(JOBS)]
    app.job_manager.batch_defer_jobs(jobs)
    rows = {"a worker with plan_cache_mode=force_custom_plan": rows_read(custom, worker)}
    with connect() as new:
        rows["a new worker"] = rows_read(new, worker)
    rows["a worker that was idle"] = rows_read(old, worker)
    for who, count in rows.items():
        print(f"{who} reads {count} rows for one of {JOBS} jobs")
    sys.exit(rows["a worker that was idle"] < 100 * rows["a new worker"])
PYTHON
if venv/bin/python measure.py "$port"; then echo "as described"; else echo "the behaviour has changed" >&2; exit 1; fi
