#!/usr/bin/env bash
# Kannel 1.4.5 (Debian kannel 1.4.5-12): of a text in several parts, it asks for the report on the first part only.
#
# Setting: a text of three parts is sent with dlr-mask=31 and a dlr-url that ends with %d, the type of the report;
# concatenation is true and max-messages is 3. An operator that speaks SMPP 3.4 accepts each part, or refuses one, and
# reports as delivered those on which Kannel wants a report.
#
# Expected: registered_delivery is set on each part; or there is one report when all parts are delivered, because a
#   phone shows the text only when it has all of them.
# Seen: only the first part has registered_delivery (17), the others have 0. So type 1 (delivered) says that the first
#   part is on the phone, and if a later part is lost or expires at the operator, nothing is ever reported. If the
#   operator refuses a later part at once, type 16 (rejected) is reported, and type 1 nevertheless follows.
#
# Output seen:
#   refused part: None; registered_delivery [17, 0, 0]; types of reports [8, 1]
#   refused part: 2; registered_delivery [17, 0, 0]; types of reports [16, 1]
#   refused part: 1; registered_delivery [17, 0, 0]; types of reports [16]
#
# Needs: Debian 12, apt-get, dpkg, Python 3.11 or newer with venv. Installs nothing; all is in a temporary folder.
set -euo pipefail

work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null && wait || true; rm -rf "$work"' EXIT
cd "$work"
apt-get --quiet --quiet download kannel=1.4.5-12 libct4=1.3.17+ds-2 libhiredis0.14=0.14.1-3 \
    libmariadb3=1:10.11.18-0+deb12u1 libpcre3=2:8.39-15 libpq5=15.18-0+deb12u1 libxml2=2.9.14+dfsg-1.3~deb12u6 \
    libicu72=72.1-3+deb12u1 libldap-2.5-0=2.5.13+dfsg-5 libsasl2-2=2.1.28+dfsg-10 libgssapi-krb5-2=1.20.1-2+deb12u5 \
    libkrb5-3=1.20.1-2+deb12u5 libk5crypto3=1.20.1-2+deb12u5 libkrb5support0=1.20.1-2+deb12u5 libkeyutils1=1.6.3-2 \
    2>/dev/null
for package in ./*.deb; do dpkg --extract "$package" root; done
libraries=$(find "$work/root" -name '*.so.*' -printf '%h:')
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check 'smpp34==1.5.0' 2>/dev/null
ports=$(python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(5)]
print(*(one.getsockname()[1] for one in sockets))')
read -r admin boxes sendsms operator reports <<<"$ports"
cat >kannel.conf <<CONFIG
group = core
admin-port = $admin
admin-interface = 127.0.0.1
admin-password = admin
smsbox-port = $boxes
smsbox-interface = 127.0.0.1
log-level = 2
log-file = $work/bearerbox.log

group = smsc
smsc = smpp
smsc-id = operator
host = 127.0.0.1
port = $operator
transceiver-mode = true
smsc-username = kannel
smsc-password = operator
system-type = ""
reconnect-delay = 1

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = $boxes
sendsms-port = $sendsms
sendsms-interface = 127.0.0.1
log-level = 2
log-file = $work/smsbox.log

group = sendsms-user
username = user
password = password
max-messages = 3
concatenation = true
CONFIG

LD_LIBRARY_PATH=$libraries root/usr/sbin/bearerbox -v 4 kannel.conf >log 2>&1 &
for _ in {1..100}; do (: <"/dev/tcp/127.0.0.1/$boxes") 2>/dev/null && break || sleep 0.1; done
LD_LIBRARY_PATH=$libraries root/usr/sbin/smsbox -v 4 kannel.conf >>log 2>&1 &

cat >measure.py <<'PYTHON'
import asyncio
import http.server
import queue
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import smpp34

SENDSMS, OPERATOR, REPORTS = map(int, sys.argv[1:])
NUMBER, SENDER = "+905320000000", "KURUM"
#: A text of three parts.
TEXT = "Kurum " * 60
PARTS = 3
#: Where the header of a part (3GPP TS 23.040, 9.2.3.24.1) has its number.
PLACE_IN_HEADER = 5
IS_RECEIPT = 0x04
INVALID_DESTINATION = 0x0B
PATIENCE = 20
DATES = "submit date:2601010000 done date:2601010001"
#: How long a report may take, in seconds.
SILENCE = 5
#: Whether a report is wanted on each part, and the types of the reports: nothing refused, the second part, the first.
SEEN = [([17, 0, 0], [8, 1]), ([17, 0, 0], [16, 1]), ([17, 0, 0], [16])]

types = queue.Queue()


class Receiver(http.server.BaseHTTPRequestHandler):
    """The receiver of Kannel's reports."""

    def do_GET(self):
        types.put(int(self.path.removeprefix("/")))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def send_message():
    """Send a message as soon as Kannel takes it."""
    message = {"to": NUMBER, "from": SENDER, "text": TEXT}
    reports = {"dlr-mask": 31, "dlr-url": f"http://127.0.0.1:{REPORTS}/%d"}
    query = urllib.parse.urlencode({"username": "user", "password": "password"} | message | reports)
    url = f"http://127.0.0.1:{SENDSMS}/cgi-bin/sendsms?{query}"
    for _ in range(100):
        try:
            return urllib.request.urlopen(url, timeout=PATIENCE).read()
        except urllib.error.URLError:
            time.sleep(0.2)
    sys.exit("Kannel did not start")


async def reported():
    """Return the types of the reports that arrive until there is silence."""
    await asyncio.sleep(SILENCE)
    return [types.get() for _ in range(types.qsize())]


async def next_event(server, kind):
    """Return the next event of a kind at the operator."""
    while not isinstance(event := await asyncio.wait_for(server.next(), PATIENCE), kind):
        pass
    return event


async def case(server, link, refused):
    """Send a text of three parts, of which the operator refuses one or none and delivers the others.

    Returns whether Kannel asks for a report on each part, and the types of its own reports.
    """
    await asyncio.to_thread(send_message)
    asked = {}
    while len(asked) < PARTS:
        part = await next_event(server, smpp34.SubmitSmEvent)
        place = part.short_message[PLACE_IN_HEADER]
        asked[place] = part.registered_delivery
        if place == refused:
            part.reject(INVALID_DESTINATION)
        else:
            part.accept(f"{refused}-{place}")
    seen = await reported()
    for place, is_asked in asked.items():
        if is_asked and place != refused:
            text = f"id:{refused}-{place} sub:001 dlvrd:001 {DATES} stat:DELIVRD err:000 text:"
            await link.deliver_sm(SENDER, text.encode(), source_addr=NUMBER, esm_class=IS_RECEIPT)
    return [asked[place] for place in sorted(asked)], seen + await reported()


async def measure():
    """Return what happens if no part is refused, and if the second, and if the first is."""
    server = smpp34.Server("127.0.0.1", OPERATOR)
    await server.start()
    link = await next_event(server, smpp34.Esme)
    seen = []
    for refused in (None, 2, 1):
        seen.append(await case(server, link, refused))
        print(f"refused part: {refused}; registered_delivery {seen[-1][0]}; types of reports {seen[-1][1]}", flush=True)
    await server.stop()
    return seen


receiver = http.server.HTTPServer(("127.0.0.1", REPORTS), Receiver)
threading.Thread(target=receiver.serve_forever, daemon=True).start()
sys.exit(asyncio.run(measure()) != SEEN)
PYTHON
if venv/bin/python measure.py "$sendsms" "$operator" "$reports"; then echo "as described"; else
    echo "the behaviour has changed" >&2
    tail -n 5 log ./*.log >&2
    exit 1
fi
