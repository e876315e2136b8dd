# shellcheck shell=bash
# need_packages NAME…: install the missing ones of these Debian packages, as root or with sudo, without starting
# their services; without either, unpack those that run from a folder. Returns 1 if that is impossible here, and $reason
# says why; 2 if apt-get failed.
need_packages() {
  local missing=() name sudo=()
  for name in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed || -e $unpacked/$name ]] ||
      missing+=("$name")
  done
  ((${#missing[@]})) || return 0
  if ! command -v apt-get >/dev/null; then
    cannot "missing: ${missing[*]} (no apt-get here to install them with)" || return
  fi
  if ((EUID != 0)); then
    if ! sudo -n true 2>/dev/null; then
      unpack_packages "${missing[@]}"
      return
    fi
    sudo=(sudo)
  fi
  echo "installing ${missing[*]}" >&2
  # One at a time, since the first to finish removes the policy.
  flock /var/lib/dpkg "${sudo[@]}" bash -c "$install_packages" bash "${missing[@]}" >/dev/null ||
    { echo "apt-get could not install ${missing[*]}" >&2; return 2; }
}

# Where unpack_packages puts packages; their commands are in its bin.
unpacked=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)/test/.cache/packages
PATH=$PATH:$unpacked/bin

# Packages whose commands run from any folder, given their libraries.
movable=' redis-server redis-sentinel redis-tools etcd-server etcd-client jq shellcheck wrk curl '

# unpack_packages NAME…: download these packages, with what they depend on that is not installed, and unpack them. Needs
# no root. Returns as need_packages.
unpack_packages() {
  local name file fixed=() apt
  for name in "$@"; do [[ $movable == *" $name "* ]] || fixed+=("$name"); done
  ((!${#fixed[@]})) || cannot "missing: ${fixed[*]} (install them, or run as root or with sudo)" || return
  echo "unpacking $* into $unpacked" >&2
  mkdir -p "$unpacked"/{bin,root,apt/{lists,archives}/partial}
  apt=(apt-get -qq -o Debug::NoLocking=1 -o "Dir::State::lists=$unpacked/apt/lists" -o "Dir::Cache=$unpacked/apt")
  { "${apt[@]}" update && "${apt[@]}" install --download-only --no-install-recommends -y "$@"; } >/dev/null ||
    { echo "apt-get could not download $*" >&2; return 2; }
  for file in "$unpacked"/apt/archives/*.deb; do dpkg -x "$file" "$unpacked/root"; done
  for file in "$unpacked"/root/usr/bin/*; do
    # shellcheck disable=SC2016 # for the wrapper to expand
    printf '#!/bin/sh\nLD_LIBRARY_PATH=$(echo %q/usr/lib/*-linux-gnu) exec %q "$@"\n' "$unpacked/root" "$file" \
      >"$unpacked/bin/${file##*/}"
    chmod +x "$unpacked/bin/${file##*/}"
  done
  for name in "$@"; do touch "$unpacked/$name"; done
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
DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes apt-get install -y -qq --no-install-recommends "$@"
SCRIPT
)
