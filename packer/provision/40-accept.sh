#!/usr/bin/env bash
# The acceptance gate: proves on the image itself that it serves the release, lets nobody in, and contains nothing left
# from the build. Prints every problem; any of them fails the bake.
set -uo pipefail

# shellcheck source=/dev/null
source /usr/local/lib/app/defaults.env || exit 1

# How long workers may take to start.
: "${START_SECONDS:=10}"

problems=0
problem() {
  echo "not accepted: $*" >&2
  problems=$((problems + 1))
}

main() {
  check_executable
  check_units
  check_way_in
  check_hardening
  check_serving
  check_leftovers
  if ((problems)); then
    echo "$problems problem(s): the image of $RELEASE is not accepted" >&2
    exit 1
  fi
  echo "the image of $RELEASE is accepted"
}

check_executable() {
  local sum line
  sum=$(sha256sum /usr/local/bin/app 2>/dev/null | cut -d' ' -f1)
  [[ $sum == "$EXECUTABLE_SHA256" ]] ||
    problem "the checksum of /usr/local/bin/app is ${sum:-missing}, expected $EXECUTABLE_SHA256"
  line=$(/usr/local/bin/app --version 2>&1)
  [[ $line == *" $RELEASE built "* ]] || problem "app --version says \"$line\", expected release $RELEASE"
  /usr/local/bin/app sbom 2>&1 | cmp --silent - /usr/local/lib/app/sbom.cdx.json ||
    problem "/usr/local/lib/app/sbom.cdx.json is not what app sbom prints"
  [[ $(cat /etc/app/release 2>/dev/null) == "$RELEASE" ]] || problem "/etc/app/release is not $RELEASE"
}

# Warnings about other people's units are shown, but are not a problem.
check_units() {
  local units=/usr/local/lib/systemd/system output status=0 ours unit
  output=$(systemd-analyze verify "$units/app.target" "$units/app@.service" 2>&1) || status=$?
  ours=$(grep -E '\bapp[@.-]|ordering cycle' <<<"$output")
  [[ -z $output ]] || echo "systemd-analyze verify: $output"
  [[ $status == 0 && -z $ours ]] || problem "systemd-analyze verify: ${ours:-$output} (status $status)"
  for unit in app.target ${REQUIRED_UNITS:-}; do
    systemctl --quiet is-enabled "$unit" 2>/dev/null || problem "$unit is not enabled"
  done
  for unit in chronyd chrony systemd-timesyncd; do
    systemctl --quiet is-enabled "$unit" 2>/dev/null && return
  done
  problem 'no time synchronization is enabled'
}

check_way_in() {
  local unit user password keys
  for unit in ssh.service ssh.socket sshd.service sshd.socket; do
    [[ $(systemctl is-enabled "$unit" 2>/dev/null) == masked* ]] || problem "$unit is not masked"
  done
  while IFS=: read -r user password _; do
    [[ $password == '!'* || $password == '*'* ]] || problem "the password of $user is not locked"
  done </etc/shadow
  keys=$(find /root /home -xdev -name 'authorized_keys*' 2>/dev/null)
  [[ -z $keys ]] || problem "authorized keys: $keys"
}

# SELinux is stated, not demanded: Debian has none, and Amazon Linux only logs what it would refuse.
check_hardening() {
  local installed
  systemd-analyze cat-config systemd/system.conf | grep -qx DefaultLimitCORE=0 || problem 'core dumps are not off'
  echo "SELinux: $(getenforce 2>/dev/null || echo none)"
  installed=$(wc -l 2>/dev/null </usr/local/lib/app/packages.txt)
  ((installed > 100)) || problem "packages.txt lists ${installed:-no} packages"
}

# Starts a worker on every core, with a temporary configuration.
check_serving() {
  local environment=/etc/app/app.env core worker body deadline=$((SECONDS + START_SECONDS))
  [[ ! -e $environment ]] || problem "left over: $environment"
  printf 'ENVIRONMENT=bake\nAUTH=none\nDRAIN_SECONDS=0\n' >"$environment"
  systemctl start app.target
  for ((core = 0; core < $(nproc); core++)); do
    worker=app@$((FIRST_ADMIN_PORT + core)).service
    until systemctl --quiet is-active "$worker" || ((SECONDS >= deadline)); do sleep 0.5; done
    systemctl --quiet is-active "$worker" || problem "$(explain "$worker")"
  done
  body=$(get hc --retry "$START_SECONDS" --retry-delay 1 --retry-all-errors)
  [[ $body == '{"status":"ok"}' ]] || problem "/hc says \"$body\""
  body=$(get version)
  [[ $body == *"\"version\":\"$RELEASE\""* ]] || problem "/version says \"$body\", expected release $RELEASE"

  check_ports

  systemctl stop 'app@*' app.target
  rm -rf "$environment" /var/lib/app
  systemctl reset-failed 'app@*' 2>/dev/null
  # From here on the journal goes to /run: anything written after the removal would stay in the image.
  journalctl --relinquish-var
  rm -rf /var/log/journal/*
}

# get PATH [OPTION…]
get() { curl --silent --max-time 5 "${@:2}" "http://127.0.0.1:$PORT/$1" || echo "(no response: curl status $?)"; }

# Why a unit is not active: the service's last message, then the last lines of its journal. Reads all journals: without a
# machine-id none of them counts as this machine's.
explain() {
  local lines
  lines=$(journalctl --quiet --merge --output cat --lines 100 --unit "$1")
  echo "$1: $(grep -E '^[a-z][a-z0-9-]*: ' <<<"$lines" | grep -v '^usage: ' | tail -n 1)"
  tail -n 5 <<<"$lines"
}

# Allows the ports of the service, of this session and of DHCP clients.
check_ports() {
  local sockets open
  sockets=$(ss -Hlntu) || problem 'ss cannot list the open ports'
  open=$(awk -v served=":($PORT|22)\$" 'NF && $5 !~ /^(127\.|\[::1\])/ && $5 !~ served && !($1 == "udp" && $5 ~ /:(68|546)$/) { print $1, $5 }' <<<"$sockets")
  [[ -z $open ]] || problem "open ports: $open"
}

check_leftovers() {
  local path found
  for path in "$PAYLOAD" /var/lib/cloud/instance /var/lib/systemd/random-seed; do
    [[ ! -e $path && ! -L $path ]] || problem "left over: $path"
  done
  # The agent has it while it runs; when it has stopped, a unit of 30-clean.sh removes it.
  [[ ! -e /var/lib/amazon/ssm/Vault ]] ||
    { systemctl --quiet is-active app-forget-instance.service &&
      [[ $(systemctl cat app-forget-instance.service) == *ExecStop=*/var/lib/amazon/ssm/Vault* ]]; } ||
    problem 'a registration key of the SSM agent that every instance would share: /var/lib/amazon/ssm/Vault'
  [[ ! -s /etc/machine-id ]] || problem '/etc/machine-id is not empty: every instance would share this identity'
  found=$(find /root /home -xdev \( -name '.*_history' -o -name .aws -o -name .netrc -o -name 'id_*' \) 2>/dev/null)
  [[ -z $found ]] || problem "left over: $found"
  found=$(find /etc/ssh -name 'ssh_host_*' 2>/dev/null)
  [[ -z $found ]] || problem "host keys that every instance would share: $found"
  found=$(secrets /etc /root /home /opt /srv /usr/local /usr/share /var/lib /var/log)
  [[ -z $found ]] || problem "secrets in: $found"
}

# The files with a private key, an access key or its secret. Keys in documentation are marked as examples.
secrets() {
  grep -rIoE --exclude-dir=doc --exclude-dir=man \
    -e '-----BEGIN ([A-Z]+ )*PRIVATE KEY-----' -e '(AKIA|ASIA)[0-9A-Z]{16}' \
    -e 'aws_(secret_access_key|session_token) *= *[0-9A-Za-z/+=]{40,}' "$@" 2>/dev/null |
    grep -vE 'EXAMPLE(KEY)?$' | cut -d: -f1 | sort -u
}

main
