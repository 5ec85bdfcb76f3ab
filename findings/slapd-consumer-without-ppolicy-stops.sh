#!/usr/bin/env bash
# OpenLDAP 2.5.13 (Debian slapd 2.5.13+dfsg-5): one ppolicy attribute stops the replication of every other entry.
#
# Setting: a provider with the ppolicy overlay, and a syncrepl consumer (refreshAndPersist) without it. In 2.5 the
# schema of the password policy is built into the overlay, so the consumer does not know its operational attributes.
#
# Expected: the consumer drops, or refuses, the one attribute or the one entry that it cannot store.
# Seen: as soon as one entry at the provider has pwdEndTime, the consumer rejects that entry, retries it forever, and
#   never gets to later changes of other entries. The provider reports success for all of them, and the consumer goes
#   on answering searches with its old data.
#
# Output seen:
#   before: consumer has uid=first
#   after pwdEndTime on uid=first: uid=second, added later, is not on the consumer after 15 s
#   consumer log: syncrepl ... rc 80 ... retrying
#   control: with the module loaded, uid=second is on the consumer after 1 s
#
# Needs: Debian 12 (amd64 or arm64), apt-get, dpkg. Installs nothing; everything is in a temporary folder.
set -euo pipefail

version=2.5.13+dfsg-5
work=$(mktemp -d)
trap 'kill $(cat "$work"/*/slapd.pid 2>/dev/null) 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
chmod 755 .
apt-get --quiet --quiet download "slapd=$version" "ldap-utils=$version" "libldap-2.5-0=$version" \
    libltdl7=2.4.7-7~deb12u1 libodbc2=2.3.11-2+deb12u1 libwrap0=7.6.q-32 2>/dev/null
for package in ./*.deb; do dpkg --extract "$package" root; done
library=$(dirname "$(find root -name 'libldap-2.5.so.0' | head -n 1)")
export LD_LIBRARY_PATH="$work/$library"
slapd=$work/root/usr/sbin/slapd
modules=$work/root/usr/lib/ldap
schema=$work/root/etc/ldap/schema
tool() { "$work/root/usr/bin/$1" -x -o ldif-wrap=no "${@:2}"; }

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# start NAME PORT LINE...: a slapd with these lines behind its database
start() {
    local name=$1 port=$2
    mkdir -p "$name/data"
    {
        printf 'include %s/%s.schema\n' "$schema" core "$schema" cosine "$schema" inetorgperson
        printf 'pidfile %s/%s/slapd.pid\nmodulepath %s\n' "$work" "$name" "$modules"
        printf 'moduleload back_mdb\nmoduleload syncprov\n'
        printf '%s\n' "${@:3}"
    } >"$name/slapd.conf"
    "$slapd" -f "$name/slapd.conf" -h "ldap://127.0.0.1:$port" -d sync >"$name/log" 2>&1 &
    for _ in $(seq 50); do
        tool ldapsearch -H "ldap://127.0.0.1:$port" -s base -b '' >/dev/null 2>&1 && return
        sleep 0.2
    done
    echo "$name did not start" >&2
    tail "$name/log" >&2
    exit 1
}

database=("database mdb" "suffix dc=example" "rootdn cn=admin,dc=example" "rootpw admin" "access to * by * write")

# provider NAME PORT
provider() {
    start "$1" "$2" "moduleload ppolicy" "${database[@]}" "directory $work/$1/data" "index entryUUID eq" \
        "overlay ppolicy" "overlay syncprov"
    printf '%s\n' "dn: dc=example" "objectClass: dcObject" "objectClass: organization" "dc: example" "o: example" |
        write "$2" ldapadd
}

# consumer NAME PORT PROVIDER_PORT LINE...
consumer() {
    start "$1" "$2" "${@:4}" "${database[@]}" "directory $work/$1/data" "index entryUUID eq" \
        "syncrepl rid=001 provider=ldap://127.0.0.1:$3 type=refreshAndPersist retry=\"1 +\" searchbase=dc=example bindmethod=simple binddn=cn=admin,dc=example credentials=admin"
}

write() { tool "$2" -H "ldap://127.0.0.1:$1" -D cn=admin,dc=example -w admin >/dev/null; }

person() {
    printf '%s\n' "dn: uid=$2,dc=example" "objectClass: inetOrgPerson" "uid: $2" "cn: $2" "sn: $2" | write "$1" ldapadd
}

end() {
    printf '%s\n' "dn: uid=$2,dc=example" "changetype: modify" "replace: pwdEndTime" "pwdEndTime: 20200101000000Z" |
        write "$1" ldapmodify
}

# arrives PORT UID SECONDS: whether the entry is there within this time
arrives() {
    for second in $(seq 0 "$3"); do
        if tool ldapsearch -LLL -H "ldap://127.0.0.1:$1" -b "uid=$2,dc=example" -s base 1.1 >/dev/null 2>&1; then
            echo "uid=$2 is on the consumer after $second s"
            return 0
        fi
        sleep 1
    done
    echo "uid=$2 is not on the consumer after $3 s"
    return 1
}

"$slapd" -VV 2>&1 | grep -q 'slapd 2.5.13' || { echo "another version of slapd" >&2; exit 1; }
failed=0

provider one "$(free_port | tee one.port)"
consumer bare "$(free_port | tee bare.port)" "$(cat one.port)"
person "$(cat one.port)" first
arrives "$(cat bare.port)" first 15 || failed=1
end "$(cat one.port)" first
person "$(cat one.port)" second
if arrives "$(cat bare.port)" second 15; then failed=1; fi
grep -iE 'rc ?\(?80|rc 80|retrying' bare/log | tail -n 2 | cut -c1-150 || failed=1

echo "control: the same, with the module loaded at the consumer"
provider two "$(free_port | tee two.port)"
consumer whole "$(free_port | tee whole.port)" "$(cat two.port)" "moduleload ppolicy"
person "$(cat two.port)" first
end "$(cat two.port)" first
person "$(cat two.port)" second
arrives "$(cat whole.port)" second 15 || failed=1

[ "$failed" = 0 ] && echo "as described" || { echo "the behaviour has changed" >&2; exit 1; }
