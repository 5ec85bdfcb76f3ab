#!/usr/bin/env bash
# Dovecot 2.3.19.1 on 389 Directory Server 2.3.1 (Debian 12): a closed account looks like an outage of the directory.
#
# Setting: Dovecot tests passwords with a bind as the user (auth_bind) and has no cache. At 389 Directory Server an
# account is closed with nsAccountLock, at OpenLDAP 2.5.13 with pwdEndTime of the ppolicy overlay.
#
# Expected: the log-in to a closed account is refused with AUTHENTICATIONFAILED, as with a wrong password.
# Seen: OpenLDAP answers the bind with 49 (invalidCredentials), and the log-in is refused as expected. 389 Directory
#   Server answers with 53 (unwillingToPerform), which Dovecot logs as an error of the directory: the log-in is refused
#   with UNAVAILABLE. Mail programs report a failure of the server, and monitoring that counts such answers an outage.
#
# Output seen:
#   389 DS: bind as the closed account: 53 unwillingToPerform
#   389 DS: open account, right password: OK
#   389 DS: open account, wrong password: [AUTHENTICATIONFAILED] Authentication failed.
#   389 DS: closed account, right password: [UNAVAILABLE] Temporary authentication failure. [host:time]
#   OpenLDAP: bind as the closed account: 49 invalidCredentials
#   OpenLDAP: open account, right password: OK
#   OpenLDAP: open account, wrong password: [AUTHENTICATIONFAILED] Authentication failed.
#   OpenLDAP: closed account, right password: [AUTHENTICATIONFAILED] Authentication failed.
#
# Needs: Debian 12 with user namespaces, apt-get, dpkg, Python 3.11 or newer with venv. Installs nothing; all is in a
# temporary folder.
set -euo pipefail

dirsrv=2.3.1+dfsg1-1+deb12u1
dovecot=1:2.3.19.1+dfsg1-2.1+deb12u7
slapd=2.5.13+dfsg-5
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null && wait || true; rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
apt-get --quiet --quiet download "389-ds-base=$dirsrv" "389-ds-base-libs=$dirsrv" "slapd=$slapd" "libldap-2.5-0=$slapd" \
    "dovecot-core=$dovecot" "dovecot-imapd=$dovecot" "dovecot-ldap=$dovecot" libcrack2=2.9.6-5+b1 \
    libicu72=72.1-3+deb12u1 libjson-c5=0.16-2 liblmdb0=0.9.24-1 libltdl7=2.4.7-7~deb12u1 libnspr4=2:4.35-1 \
    libnss3=2:3.87.1-1+deb12u4 libodbc2=2.3.11-2+deb12u1 libsodium23=1.0.18-1+deb12u1 libunwind8=1.6.2-3 \
    libwrap0=7.6.q-32 2>/dev/null
for package in ./*.deb; do dpkg --extract "$package" root; done
library=$(dirname "$(find "$work/root" -name 'libldap-2.5.so.0' | head -n 1)")
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check 'ldap3==2.9.1' 2>/dev/null
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# Servers find some of their files only below /usr, so they get a view of their own in which the packages are there.
cat >serve <<'SH'
mount -t overlay packages -o "lowerdir=$1/root/usr:/usr" /usr
shift
exec unshare --map-user=65534 --map-group=65534 "$@"
SH
serve() { exec unshare --map-root-user --mount sh -e "$work/serve" "$work" "$@"; }

places=(lock tmp cert ldif bak run inst log config db db_home)
mkdir server
for place in "${places[@]}"; do mkdir "server/$place"; done
cp root/etc/dirsrv/config/* server/config
mkdir server/config/schema
cp root/usr/share/dirsrv/schema/*.ldif root/etc/dirsrv/schema/*.ldif server/config/schema
port=$(free_port)
fill=(-e "s|%schema_dir%|$work/server/config/schema|" -e "s|%ds_port%|$port\nnsslapd-listenhost: 127.0.0.1|"
    -e "s|%ds_user%|nobody|" -e 's|%fqdn%|localhost|' -e 's|%rootdn%|cn=Directory Manager|'
    -e 's|%ds_passwd%|{CLEAR}admin|' -e "s|%ldapi%|$work/server/run/ldapi|" -e 's|%ldapi_[a-z]*%|off|'
    -e 's|%db_lib%|bdb|' -e 's|%ds_suffix%|dc=example|' -e 's|%ds_bename%|userRoot|'
    -e "s|^\(nsslapd-pluginpath: \)lib|\1$library/dirsrv/plugins/lib|I")
for place in "${places[@]}"; do fill+=(-e "s|%${place}_dir%|$work/server/$place|"); done
sed "${fill[@]}" root/usr/share/dirsrv/data/template-{dse,suffix-db}.ldif | sed '/^#/d' | cat -s >server/config/dse.ldif
serve /usr/sbin/ns-slapd -D "$work/server/config" -i "$work/server/run/pid" -d 0 >dirsrv.log 2>&1 &

mkdir data
openldap_port=$(free_port)
{
    printf "include $work/root/etc/ldap/schema/%s.schema\n" core cosine inetorgperson
    printf '%s\n' "modulepath $work/root/usr/lib/ldap" "moduleload back_mdb" "moduleload ppolicy" "database mdb" \
        "suffix dc=example" "rootdn cn=admin,dc=example" "rootpw admin" "directory $work/data" "overlay ppolicy" \
        "ppolicy_default cn=policy,dc=example"
} >slapd.conf
LD_LIBRARY_PATH=$library root/usr/sbin/slapd -f slapd.conf -h "ldap://127.0.0.1:$openldap_port" -d none >slapd.log 2>&1 &

# mail NAME PORT DIRECTORY_PORT MANAGER: a Dovecot on this directory
mail() {
    mkdir -p "$1/homes"
    printf '%s\n' "hosts = 127.0.0.1:$3" "dn = $4" "dnpass = admin" "base = dc=example" \
        "auth_bind = yes" "pass_filter = (uid=%u)" "pass_attrs = uid=user" >"$1/ldap.conf"
    cat >"$1/dovecot.conf" <<CONFIG
base_dir = $work/$1/run
state_dir = $work/$1/state
log_path = $work/$1/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_failure_delay = 0
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = nobody
first_valid_uid = 1
mail_location = maildir:~/mail
passdb {
  driver = ldap
  args = $work/$1/ldap.conf
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=$work/$1/homes/%n
}
service imap-login {
  chroot =
  inet_listener imap {
    port = $2
  }
  inet_listener imaps {
    port = 0
  }
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
CONFIG
    serve /usr/sbin/dovecot -F -c "$work/$1/dovecot.conf" >>"$1.log" 2>&1 &
}

cat >measure.py <<'PYTHON'
import imaplib
import sys
import time

import ldap3

CLOSED = {"389 DS": {"nsAccountLock": "true"}, "OpenLDAP": {"pwdEndTime": "20200101000000Z"}}
MANAGERS = {"389 DS": "cn=Directory Manager", "OpenLDAP": "cn=admin,dc=example"}
EXPECTED = {"389 DS": "[UNAVAILABLE]", "OpenLDAP": "[AUTHENTICATIONFAILED]"}


def patiently(connect):
    """Return the connection as soon as the server answers."""
    for _ in range(150):
        try:
            return connect()
        except (OSError, imaplib.IMAP4.error, ldap3.core.exceptions.LDAPExceptionError):
            time.sleep(0.2)
    sys.exit("a server did not start")


def prepare(name, server):
    """Add an open and a closed account, and show what a bind as the closed one is answered with."""
    manager = patiently(lambda: ldap3.Connection(server, MANAGERS[name], "admin", auto_bind=True))
    root = {"dc": "example", "o": "example"}
    assert manager.add("dc=example", ["organization", "dcObject"], root), manager.result
    for uid in ("open", "closed"):
        person = {"cn": uid, "sn": uid, "userPassword": "right"}
        assert manager.add(f"uid={uid},dc=example", "inetOrgPerson", person), manager.result
    if name == "OpenLDAP":  # pwdEndTime counts only where there is a password policy
        policy = {"pwdAttribute": "userPassword"}
        assert manager.add("cn=policy,dc=example", ["device", "pwdPolicy"], policy), manager.result
    values = {attribute: [(ldap3.MODIFY_REPLACE, [value])] for attribute, value in CLOSED[name].items()}
    assert manager.modify("uid=closed,dc=example", values), manager.result
    bind = ldap3.Connection(server, "uid=closed,dc=example", "right")
    bind.bind()
    print(f"{name}: bind as the closed account: {bind.result['result']} {bind.result['description']}")


def log_in(port, uid, password):
    """Return the answer to a log-in."""
    session = patiently(lambda: imaplib.IMAP4("127.0.0.1", port, timeout=20))
    try:
        return session.login(uid, password)[0]
    except imaplib.IMAP4.error as error:
        return str(error).strip("b'")
    finally:
        session.shutdown()


as_described = True
for name, directory, mail in zip(CLOSED, sys.argv[1:3], sys.argv[3:5], strict=True):
    prepare(name, ldap3.Server("127.0.0.1", port=int(directory), get_info=ldap3.NONE))
    answers = {
        "open account, right password": (log_in(int(mail), "open", "right"), "OK"),
        "open account, wrong password": (log_in(int(mail), "open", "wrong"), "[AUTHENTICATIONFAILED]"),
        "closed account, right password": (log_in(int(mail), "closed", "right"), EXPECTED[name]),
    }
    for login, (answer, expected) in answers.items():
        print(f"{name}: {login}: {answer}")
        as_described &= expected in answer
sys.exit(not as_described)
PYTHON
ports=("$(free_port)" "$(free_port)")
mail one "${ports[0]}" "$port" "cn=Directory Manager"
mail two "${ports[1]}" "$openldap_port" cn=admin,dc=example
venv/bin/python measure.py "$port" "$openldap_port" "${ports[@]}" && echo "as described" || {
    echo "the behaviour has changed" >&2
    tail -n 5 ./*.log one/log two/log server/log/errors >&2
    exit 1
}
