#!/usr/bin/env bash
# The acceptance gate: proves on the image itself that it serves the release, can be entered by nobody, and carries
# nothing that belongs to the build. Prints every problem; any of them fails the bake.
set -uo pipefail

problems=0
problem() {
  echo "not accepted: $*" >&2
  problems=$((problems + 1))
}

main() {
  check_executable
  check_units
  check_way_in
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
  sum=$(sha256sum /usr/local/bin/hello 2>/dev/null | cut -d' ' -f1)
  [[ $sum == "$EXECUTABLE_SHA256" ]] ||
    problem "the checksum of /usr/local/bin/hello is ${sum:-not there}, wanted $EXECUTABLE_SHA256"
  line=$(/usr/local/bin/hello --version 2>&1)
  [[ $line == "hello $RELEASE "* ]] || problem "hello --version says \"$line\", wanted release $RELEASE"
  [[ $(cat /etc/hello/release 2>/dev/null) == "$RELEASE" ]] || problem "/etc/hello/release is not $RELEASE"
}

check_units() {
  local units=/usr/local/lib/systemd/system output unit
  output=$(systemd-analyze verify "$units/hello.target" "$units/hello@.service" 2>&1) || output=${output:-failed}
  [[ -z $output ]] || problem "systemd-analyze verify: $output"
  for unit in hello.target ${REQUIRED_UNITS:-}; do
    systemctl --quiet is-enabled "$unit" 2>/dev/null || problem "$unit is not enabled"
  done
  for unit in chronyd chrony systemd-timesyncd; do
    systemctl --quiet is-enabled "$unit" 2>/dev/null && return
  done
  problem 'nothing keeps the time'
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

# Every worker, on every core, with a configuration that the gate brings and takes away again.
check_serving() {
  local environment=/etc/hello/hello.env core body
  [[ ! -e $environment ]] || problem "left over: $environment"
  printf 'ENVIRONMENT=bake\nAUTH=none\nDRAIN_SECONDS=0\n' >"$environment"
  systemctl start hello.target
  for ((core = 0; core < $(nproc); core++)); do
    systemctl --quiet is-active "hello@$((9464 + core))" ||
      problem "hello@$((9464 + core)): $(journalctl --quiet --output cat --lines 5 --unit "hello@$((9464 + core))")"
  done
  body=$(get hc)
  [[ $body == '{"status":"ok"}' ]] || problem "/hc says \"$body\""
  body=$(get version)
  [[ $body == *"\"version\":\"$RELEASE\""* ]] || problem "/version says \"$body\", wanted release $RELEASE"

  systemctl stop 'hello@*' hello.target
  rm -rf "$environment" /var/lib/hello
  systemctl reset-failed 'hello@*' 2>/dev/null
  rm -rf /var/log/journal/*
}

get() { curl --silent --show-error --max-time 5 --retry 20 --retry-delay 1 --retry-all-errors "http://127.0.0.1:5000/$1" 2>&1; }

check_leftovers() {
  local path found
  for path in "$PAYLOAD" /var/lib/cloud/instance; do
    [[ ! -e $path ]] || problem "left over: $path"
  done
  [[ ! -s /etc/machine-id ]] || problem '/etc/machine-id is not empty: every instance would have this identity'
  found=$(find /root /home -xdev -name '.*_history' 2>/dev/null)
  [[ -z $found ]] || problem "left over: $found"
  found=$(find /etc/ssh -name 'ssh_host_*' 2>/dev/null)
  [[ -z $found ]] || problem "host keys that every instance would share: $found"
  found=$(grep -rIlsE -e '-----BEGIN ([A-Z]+ )*PRIVATE KEY-----|AKIA[0-9A-Z]{16}' /etc /root /home /opt /srv /usr/local /var/lib)
  [[ -z $found ]] || problem "something secret: $found"
}

main
