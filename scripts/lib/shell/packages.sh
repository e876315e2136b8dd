# shellcheck shell=bash
# need_packages NAME…: install the missing ones of these Debian packages, as root or with sudo, without starting
# their services. Returns 1 if that is impossible here, and $reason says why; 2 if apt-get failed.
need_packages() {
  local missing=() name sudo=()
  for name in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || missing+=("$name")
  done
  ((${#missing[@]})) || return 0
  if ! command -v apt-get >/dev/null; then
    cannot "missing: ${missing[*]} (no apt-get here to install them with)" || return
  fi
  if ((EUID != 0)); then
    if ! sudo -n true 2>/dev/null; then
      cannot "missing: ${missing[*]} (install them, or run as root or with sudo)" || return
    fi
    sudo=(sudo)
  fi
  echo "installing ${missing[*]}" >&2
  # One at a time, since the first to finish removes the policy.
  flock /var/lib/dpkg "${sudo[@]}" bash -c "$install_packages" bash "${missing[@]}" >/dev/null ||
    { echo "apt-get could not install ${missing[*]}" >&2; return 2; }
}

# cannot SENTENCE: say why something is impossible here, and keep it in $reason.
cannot() {
  reason=$1
  echo "$reason" >&2
  return 1
}

# A policy left behind by a SIGKILL forbids nothing.
install_packages=$(
  cat <<'SCRIPT'
set -euo pipefail
policy=/usr/sbin/policy-rc.d mark="# for one installation by need_packages; of no effect after it, and may be removed"
if [[ ! -e $policy && ! -L $policy ]] || grep -qsF "$mark" "$policy"; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\n%s\n[ ! -e /proc/%s ] || exit 101\n' "$mark" "$$" >"$policy"
  chmod 755 "$policy"
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
SCRIPT
)
