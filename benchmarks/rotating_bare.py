"""Gives each account of a file a new password, as a careful script would: threads, TLS, a log-in for each change."""

from __future__ import annotations

import json
import os
import secrets
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import ldap3
from ldap3.protocol.rfc3062 import PasswdModifyRequestValue
from opening_bare import BASE, connections

PYS = httpx.Client(
    base_url=os.environ["PYS_URL"],
    headers={"Authorization": f"Bearer {Path(os.environ['PYS_KEY_FILE']).read_text()}"},
)
KANNEL = json.loads(os.environ["KANNEL"])
PASSWORD = KANNEL["password"].partition(":")[2]
SMS = httpx.Client()
#: What tells how to take a change back: the hash of the former password, the locks, and whose entry it is.
READ = [
    *("objectClass", "structuralObjectClass", "uid", "cn", "sn", "mail", "userPassword", "pwdChangedTime", "pwdReset"),
    *("pwdStartTime", "pwdEndTime", "pwdAccountLockedTime"),
]


def rotate(login: str) -> None:
    service, checker = connections()
    dn, password = f"uid={login},{BASE}", secrets.token_urlsafe(12)
    former = service.search(dn, "(objectClass=*)", ldap3.BASE, attributes=READ)[2]
    if len(former) != 1:
        sys.exit(f"{login} is not there")
    request = PasswdModifyRequestValue()
    request["userIdentity"], request["newPasswd"] = dn, password
    service.extended("1.3.6.1.4.1.4203.1.11.1", request)
    checker.user, checker.password, checker.authentication = dn, password, ldap3.SIMPLE
    proved = checker.bind(read_server_info=False)[0]
    PYS.put(f"/accounts/{login}/password", json={"password": password, "operation": login}).raise_for_status()
    answer = PYS.post("/login", json={"login": login, "password": password})
    if not (proved and answer.json()["accepted"]):
        sys.exit(f"{login} does not log in")
    headers = {
        "X-Kannel-Username": KANNEL["username"],
        "X-Kannel-Password": KANNEL_PASSWORD,
        "X-Kannel-From": "KURUM",
        "X-Kannel-To": os.environ["NUMBER"],
        "Content-Type": "text/plain; charset=UTF-8",
    }
    SMS.post(KANNEL["url"], headers=headers, content=f"{login}: {password}").raise_for_status()


KANNEL_PASSWORD = Path(PASSWORD).read_text().strip() if Path(PASSWORD).is_file() else PASSWORD

if __name__ == "__main__":
    with ThreadPoolExecutor(int(sys.argv[2])) as pool:
        list(pool.map(rotate, Path(sys.argv[1]).read_text().split()))
