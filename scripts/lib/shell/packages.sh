# shellcheck shell=bash
# need_packages NAME…: install the missing ones of these Debian packages, as root or with sudo, without starting
# their services. Returns 1 if that is impossible here, and $reason says why; 2 if apt-get failed.
need_packages() {
  local missing=() sudo=()
  mapfile -t missing < <(missing_packages "$@")
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

# missing_packages NAME…: print those that are not installed.
missing_packages() {
  local name
  for name in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || echo "$name"
  done
}

# need_programs NAME…: put the programs of these Debian packages on PATH. Where they cannot be installed for want of root
# and sudo, they and what they depend on are unpacked into .tools/packages, which is enough for most. Returns as
# need_packages does.
need_programs() {
  local missing=() name packages=${root:?source lib/shell/bun.sh first}/.tools/packages libraries
  mapfile -t missing < <(missing_packages "$@")
  if ((${#missing[@]} == 0 || EUID == 0)) || ! command -v apt-get >/dev/null || sudo -n true 2>/dev/null; then
    need_packages "$@"
    return
  fi
  for name in "${missing[@]}"; do
    [[ -e $packages/$name ]] && continue
    echo "unpacking ${missing[*]} into ${packages#"$root"/}" >&2
    unpack_packages "$packages" "${missing[@]}" ||
      { echo "apt-get could not download ${missing[*]}" >&2; return 2; }
    break
  done
  libraries=$(printf '%s:' "$packages"/root/{lib,usr/lib}/*-linux-gnu)
  export PATH=$packages/root/usr/bin:$packages/root/usr/sbin:$PATH LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:-}
}

# unpack_packages FOLDER NAME…: into FOLDER/root, without root; FOLDER/NAME says that it is done.
unpack_packages() {
  local folder=$1 deb
  shift
  local apt=(
    apt-get -qq -o Debug::NoLocking=1 -o "Dir::State=$folder/state" -o Dir::State::status=/var/lib/dpkg/status
    -o "Dir::Cache=$folder/cache"
  )
  mkdir -p "$folder"/{root,state/lists/partial,cache/archives/partial} &&
    "${apt[@]}" update && "${apt[@]}" install -y --download-only --no-install-recommends "$@" >/dev/null || return
  for deb in "$folder"/cache/archives/*.deb; do dpkg-deb --extract "$deb" "$folder/root" || return; done
  rm -rf "$folder"/{state,cache}
  (cd "$folder" && touch "$@")
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
