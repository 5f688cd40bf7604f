#!/usr/bin/env bash
# Installs the Debian packages that a make target needs, and only those that are missing.
#
#   ./bootstrap.sh build    what pip needs to build pymilter
#   ./bootstrap.sh demo     and what the demo starts: Postfix, Dovecot, Redis, openssl, swaks
#   ./bootstrap.sh webmail  and what the demo starts with --webmail: Roundcube, PHP, Dovecot's Sieve
#   ./bootstrap.sh many     and what the demo starts with --many: PostgreSQL, nginx, network namespaces
#   ./bootstrap.sh test     and what the tests start besides: PostgreSQL, parts of Postfix and Dovecot for SQL, curl,
#                           fail2ban, Chromium, nginx, Caddy, Prometheus, logrotate, mandoc, npm; and what the benches
#                           need, of which the tests run a short form; and a Sendmail, unpacked below .venv, for it
#                           would take Postfix's place if it were installed
#   ./bootstrap.sh bench    the same without npm, and with the filters of others that the benches compare
#   ./bootstrap.sh check    what looks at shell scripts and systemd units
#   ./bootstrap.sh deb      what makes a clean Debian root and boots one, for the package and its test
#
# It never removes a package, never replaces another MTA and starts no service. Root or sudo installs; without either
# it prints the line to run. Exit codes: 0 all is there, 1 something is missing and could not be installed, 2 usage.
set -euo pipefail
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

build=(gcc libc6-dev python3-dev python3-venv libmilter-dev)
demo=(postfix dovecot-core dovecot-imapd dovecot-lmtpd dovecot-sqlite redis-server openssl swaks libnet-ssleay-perl)
webmail=(roundcube-core roundcube-sqlite3 roundcube-plugins php-cli php-cgi php-sqlite3 dovecot-sieve dovecot-managesieved)
many=(postgresql nginx-light iproute2)
test=(dovecot-pgsql postfix-sqlite postfix-lmdb postfix-cdb curl fail2ban chromium-headless-shell caddy prometheus logrotate mandoc)
bench=(postfix-pgsql libhiredis-dev)
check=(shellcheck systemd)
deb=(debootstrap systemd-container)
apart=(sendmail-bin sendmail-base sendmail-cf liblockfile1 m4 libsigsegv2 sasl2-bin libsasl2-modules) # unpacked only
peers=(rspamd)
npm=() # Debian's only where there is none: one from elsewhere comes with a Node.js that Debian's would not stand beside
command -v npm >/dev/null || npm=(npm)
case "${1-}" in
  build) wanted=("${build[@]}") programs=(cc) ;;
  demo) wanted=("${build[@]}" "${demo[@]}") programs=(cc postfix dovecot redis-server openssl) ;;
  many) wanted=("${build[@]}" "${demo[@]}" "${many[@]}") programs=(cc postfix dovecot redis-server openssl initdb ip nginx) ;;
  webmail) wanted=("${build[@]}" "${demo[@]}" "${webmail[@]}") programs=(cc postfix dovecot redis-server openssl php) ;;
  test) wanted=("${build[@]}" "${demo[@]}" "${webmail[@]}" "${many[@]}" "${test[@]}" "${bench[@]}" "${npm[@]}") programs=(cc postfix dovecot redis-server openssl initdb npm) ;;
  bench) wanted=("${build[@]}" "${demo[@]}" "${webmail[@]}" "${many[@]}" "${test[@]}" "${bench[@]}" "${peers[@]}") programs=(cc postfix dovecot redis-server openssl initdb) ;;
  check) wanted=("${build[@]}" "${check[@]}") programs=(cc shellcheck systemd-analyze) ;;
  deb) wanted=("${build[@]}" "${deb[@]}") programs=(cc debootstrap systemd-nspawn) ;;
  *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

fail() { printf 'bootstrap: %s\n' "$*" >&2; exit 1; }

if ! command -v apt-get >/dev/null; then
  absent=()
  for program in "${programs[@]}"; do command -v "$program" >/dev/null || absent+=("$program"); done
  [ ${#absent[@]} -eq 0 ] || fail "no apt-get here. Install these, and libmilter's headers, yourself: ${absent[*]}"
  exit 0
fi

# Sendmail as Debian has it, for the tests. Nothing of it is installed, no script of it runs, and no root is needed while
# apt's lists are there.
unpack_apart() {
  local place here old
  here=$(cd "$(dirname "$0")" && pwd)
  place=$here/.venv/sendmail
  [ ! -e "$place/.unpacked" ] || return 0
  echo "bootstrap: unpacking Sendmail into .venv/sendmail"
  old=$(umask) && umask 022
  rm -rf "$place" && mkdir -p "$place/packages"
  chmod a+rwx "$place/packages" # apt's own user writes there
  fetch() { (cd "$place/packages" && apt-get -q download "${apart[@]}") >"$place/log" 2>&1; }
  if ! fetch; then
    if [ "$(id -u)" -eq 0 ]; then apt-get -q update >/dev/null 2>&1 || true; fi
    fetch || { tail -n 5 "$place/log" >&2; echo "bootstrap: Sendmail could not be fetched; its tests are left out" >&2; return 0; }
  fi
  for package in "$place"/packages/*.deb; do dpkg-deb -x "$package" "$place"; done
  rm -rf "$place/packages" "$place/log"
  touch "$place/.unpacked"
  umask "$old"
}
if [ "$1" = test ]; then unpack_apart; fi

installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null || true)
missing=()
for package in "${wanted[@]}"; do grep -qxF "installed $package" <<<"$installed" || missing+=("$package"); done
lacks() { [[ " ${missing[*]} " == *" $1 "* ]]; }
if [ ${#missing[@]} -eq 0 ]; then
  echo "bootstrap: all ${#wanted[@]} Debian packages for \"$1\" are installed"
  exit 0
fi

# Another MTA: Debian would take it away for Postfix, and one that no package owns would be overwritten.
if lacks postfix; then
  other=$(dpkg-query -W -f='${Package}\t${Provides}\t${db:Status-Status}\n' |
    awk -F'\t' '$1 != "postfix" && $2 ~ /(^|[ ,])mail-transport-agent([ ,]|$)/ && $3 == "installed" { print $1 }')
  [ -n "$other" ] || [ ! -e /usr/sbin/sendmail ] || other=/usr/sbin/sendmail
  [ -z "$other" ] || fail "the mail server here is $other; Byname does not put Postfix in its place. Use a container."
fi

install=(apt-get install --yes --no-remove --no-install-recommends "${missing[@]}")
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; then
    exec sudo env PATH="$PATH" "$0" "$@" # the same npm is found
  fi
  fail "root or sudo is needed. Run: sudo apt-get update && sudo ${install[*]}"
fi

# invoke-rc.d starts nothing while policy-rc.d says 101. One that is not ours stays as it is.
policy=/usr/sbin/policy-rc.d
mark='# put here by bootstrap.sh of Byname, for the time of one installation'
clean_up() { if grep -qsxF "$mark" "$policy"; then rm -f "$policy"; fi; }
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
clean_up # what a killed run left behind
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
  chmod 755 "$policy"
fi

echo "bootstrap: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
log=$(mktemp)
trap 'clean_up; rm -f "$log"' EXIT
if lacks postfix; then
  echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
fi
if lacks roundcube-core; then # no database of the system's own: each private Roundcube has its own file
  echo 'roundcube-core roundcube/dbconfig-install boolean false' | debconf-set-selections
fi
wait=(-o DPkg::Lock::Timeout=300)
# A list that cannot be fetched need not matter; whether the packages can be had, the installation itself tells.
if ! { apt-get -q "${wait[@]}" update || true; "${install[@]}" "${wait[@]}"; } </dev/null >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  fail "apt-get failed, its last lines stand above. The command was: ${install[*]}"
fi

# Nor shall they start at the next boot: the demo and the tests run private instances of their own.
if command -v systemctl >/dev/null; then
  for service in postfix:postfix dovecot-core:dovecot redis-server:redis-server postgresql:postgresql fail2ban:fail2ban \
    nginx-light:nginx caddy:caddy prometheus:prometheus logrotate:logrotate.timer rspamd:rspamd \
    roundcube-core:roundcube-gc.timer roundcube-core:roundcube-cleandb.timer; do
    if lacks "${service%:*}"; then systemctl --quiet disable "${service#*:}" 2>/dev/null || true; fi
  done
fi
