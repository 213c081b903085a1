#!/bin/sh
# Fetches the Debian packages that only the end-to-end tests need. Quick and silent when all of them are there.
#
#   scripts/e2e-packages.sh           installs what is missing (as root, by apt)
#   scripts/e2e-packages.sh --check   changes nothing, says what is missing
#
# syslog-ng can't be installed beside rsyslog, so it is unpacked, with the libraries that it wants, to
# ${BANBAN_E2E_TOOLS:-.tools/e2e}/syslog-ng and run from there. No service is started.
#
# Exit codes: 0 everything is there · 1 something is missing, and the last line on stderr says what and why.
set -u

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
tools=${BANBAN_E2E_TOOLS:-$root/.tools/e2e}
syslog_ng=$tools/syslog-ng

# What the tests run, and the package that has it. Looked up by the program, so that a machine that has it from
# elsewhere (Fedora, Arch) needs no dpkg.
wanted='iptables:iptables iptables-restore:iptables ip6tables-restore:iptables conntrack:conntrack ip:iproute2 ss:iproute2
  nft:nftables ipset:ipset journalctl:systemd
  rsyslogd:rsyslog sshd:openssh-server ssh:openssh-client ssh-keygen:openssh-client sshpass:sshpass
  ps:procps sysctl:procps nsenter:util-linux unshare:util-linux setpriv:util-linux logger:bsdutils strace:strace'

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH

say() { printf 'e2e-packages: %s\n' "$1" >&2; }
fail() { say "$1"; exit 1; }

missing_packages() {
  for pair in $wanted; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || printf '%s\n' "${pair#*:}"
  done | sort -u | tr '\n' ' '
}

# Unpacked by this script, or installed (where rsyslog is the one that had to be left out).
has_syslog_ng() { [ -e "$syslog_ng/.complete" ] || command -v syslog-ng >/dev/null 2>&1; }

missing=$(missing_packages)
[ -z "$missing" ] && has_syslog_ng && exit 0

what=${missing% }
has_syslog_ng || what="${what:+$what }syslog-ng-core"
[ "${1:-}" = --check ] && fail "missing: $what; run scripts/e2e-packages.sh as root to fetch them"
[ "$(id -u)" = 0 ] || fail "missing: $what; only root can install them: run scripts/e2e-packages.sh as root"
command -v apt-get >/dev/null 2>&1 || fail "missing: $what; there is no apt-get here, so install the programs with this system's own tool"

policy=/usr/sbin/policy-rc.d
kept=
work=$(mktemp -d) || fail 'no temporary folder could be made'
restore() {
  if [ -n "$kept" ]; then
    if [ -e "$work/policy-rc.d" ]; then cp -a "$work/policy-rc.d" "$policy"; else rm -f "$policy"; fi
    kept=
  fi
  rm -rf "$work"
}
trap restore EXIT
trap 'exit 1' HUP INT TERM

# 101 from policy-rc.d means "do not start it" (Debian policy 9.3.3.1): an sshd or rsyslogd of the tests' own is
# started in a namespace, the machine gets none.
forbid_services() {
  [ -e "$policy" ] && cp -a "$policy" "$work/policy-rc.d"
  kept=yes
  printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
}

apt() {
  DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true \
    apt-get -q -y -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 -o APT::Install-Recommends=false \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" </dev/null >>"$work/log" 2>&1
}

updated=
# The lists are fetched only when apt knows nothing of a package, or when what it knows is no longer on the server.
with_lists() {
  "$@" && return 0
  [ -n "$updated" ] && return 1
  updated=yes
  say 'fetching the package lists'
  apt update || return 1
  "$@"
}

install_missing() {
  # --no-remove: where syslog-ng is installed, rsyslog would take it away, and that is not for a test to do.
  # shellcheck disable=SC2086
  apt --no-remove install $missing
}

# The names that apt would install for syslog-ng-core on this machine: itself and the libraries that are not here yet.
unpack_syslog_ng() {
  # Only simulated: for real it would take rsyslog away.
  names=$(LC_ALL=C apt-get -s -o APT::Install-Recommends=false install syslog-ng-core </dev/null 2>>"$work/log" | sed -n 's/^Inst \([^ ]*\) .*/\1/p')
  [ -n "$names" ] || return 1
  rm -rf "$work/debs" "$syslog_ng.new"
  mkdir -p "$work/debs" "$syslog_ng.new" || return 1
  # apt's own user can't write into a folder of root's and only warns of it; as root it is not asked to.
  # shellcheck disable=SC2086
  (cd "$work/debs" && apt -o APT::Sandbox::User=root download $names) || return 1
  for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$syslog_ng.new" || return 1; done
  [ -x "$syslog_ng.new/usr/sbin/syslog-ng" ] || return 1
  touch "$syslog_ng.new/.complete"
  rm -rf "$syslog_ng" && mv "$syslog_ng.new" "$syslog_ng"
}

because() {
  tail -n 20 "$work/log" >&2
  fail "$1"
}

: >"$work/log"
if [ -n "$missing" ]; then
  say "installing $missing"
  forbid_services
  with_lists install_missing || because "apt could not install: ${missing% } (its last words are above)"
  missing=$(missing_packages)
  [ -z "$missing" ] || because "installed, and still missing: ${missing% }"
fi
if ! has_syslog_ng; then
  say "unpacking syslog-ng-core to $syslog_ng"
  with_lists unpack_syslog_ng || because 'syslog-ng-core could not be fetched and unpacked (the last words are above)'
fi
