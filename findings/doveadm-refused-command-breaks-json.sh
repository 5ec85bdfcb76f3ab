#!/usr/bin/env bash
# Dovecot 2.3.19.1 (Debian dovecot-core 1:2.3.19.1+dfsg1-2.1+deb12u7): a refused command spoils all answers.
#
# Setting: doveadm's HTTP API takes several commands in one request. doveadm_allowed_commands is "kick,who"; the requests
# hold these two and "penalty", which lists delayed addresses.
#
# Expected: a JSON list with an answer for each command, and for the refused one an error with a code of its own.
# Seen: the comma before the refused one is missing (after it, if it is the first), so a JSON parser reads no answer of
#   the request, although its status is 200 and the allowed commands have run. The exit code in the error is that of the
#   command before: 68 after a kick of a user who is not connected, 0 after a command that succeeded.
#   The answer to a request of allowed commands only, or of the refused one only, is valid JSON.
#
# Output seen:
#   valid JSON   [["error",{"type":"exitCode", "exitCode":68},"kick"],["doveadmResponse",[],"who"]]
#   valid JSON   [["error",{"type":"unAuthorized", "exitCode":0},"penalty"]]
#   not JSON     [["error",{"type":"exitCode", "exitCode":68},"kick"]["error",{"type":"unAuthorized", "exitCode":68},"penalty"]]
#   not JSON     [["doveadmResponse",[],"who"]["error",{"type":"unAuthorized", "exitCode":0},"penalty"]]
#   not JSON     [["error",{"type":"unAuthorized", "exitCode":0},"penalty"]["doveadmResponse",[],"who"]]
#
# Needs: Debian 12 with user namespaces, apt-get, dpkg, Python 3.11 or newer. Installs nothing; all is in a temporary folder.
set -euo pipefail

version=1:2.3.19.1+dfsg1-2.1+deb12u7
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null && wait || true; rm -rf "$work"' EXIT
cd "$work"
apt-get --quiet --quiet download "dovecot-core=$version" libsodium23=1.0.18-1+deb12u1 libunwind8=1.6.2-3 2>/dev/null
for package in ./*.deb; do dpkg --extract "$package" root; done
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir server
cat >server/dovecot.conf <<CONFIG
base_dir = $work/server/run
state_dir = $work/server/state
log_path = $work/server/log
protocols =
ssl = no
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = nobody
doveadm_api_key = key
doveadm_allowed_commands = kick,who
service anvil {
  chroot =
}
service stats {
  chroot =
}
service doveadm {
  user = nobody
  inet_listener http {
    address = 127.0.0.1
    port = $port
  }
}
CONFIG
# The server finds its modules only below /usr, so it gets a view of its own in which the packages are there.
cat >serve <<'SH'
mount -t overlay packages -o "lowerdir=$1/root/usr:/usr" /usr
exec unshare --map-user=65534 --map-group=65534 /usr/sbin/dovecot -F -c "$1/server/dovecot.conf"
SH
unshare --map-root-user --mount sh -e serve "$work" >log 2>&1 &

cat >measure.py <<'PYTHON'
import base64
import http.client
import json
import sys
import time

KICK = ["kick", {"mask": ["nobody-is-here"]}, "kick"]
WHO = ["who", {}, "who"]
REFUSED = ["penalty", {}, "penalty"]


def post(*commands):
    """Send the commands in one request, and return the body of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=20)
    authorization = "X-Dovecot-API " + base64.b64encode(b"key").decode()
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    connection.request("POST", "/doveadm/v1", json.dumps(commands), headers)
    response = connection.getresponse()
    body = response.read().decode()
    assert response.status == http.client.OK, (response.status, body)
    return body


def wait():
    """Return as soon as the server answers."""
    for _ in range(100):
        try:
            return post(WHO)
        except OSError:
            time.sleep(0.2)
    sys.exit("the server did not start")


def is_json(body):
    try:
        json.loads(body)
    except json.JSONDecodeError:
        return False
    return True


def answer(*commands):
    """Show and return the answer to the commands, and whether it is valid JSON."""
    body = post(*commands).strip()
    print("valid JSON  " if is_json(body) else "not JSON    ", body)
    return is_json(body), body


wait()
allowed, _ = answer(KICK, WHO)
alone, _ = answer(REFUSED)
after_kick, kicked = answer(KICK, REFUSED)
after_who, listed = answer(WHO, REFUSED)
first, _ = answer(REFUSED, WHO)
borrowed = ['"unAuthorized", "exitCode":68' in kicked, '"unAuthorized", "exitCode":0' in listed]
sys.exit(not (allowed and alone and not (after_kick or after_who or first) and all(borrowed)))
PYTHON
if python3 measure.py "$port"; then echo "as described"; else
    echo "the behaviour has changed" >&2
    tail -n 5 log server/log >&2
    exit 1
fi
