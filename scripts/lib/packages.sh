# shellcheck shell=bash
# need_packages NAME…: install what is missing of these Debian packages, as root or through sudo, without starting
# the services they bring. 1, with a sentence: not to be had here; 2: apt-get failed.
need_packages() {
  local missing=() name sudo=()
  for name in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || missing+=("$name")
  done
  ((${#missing[@]})) || return 0
  if ! command -v apt-get >/dev/null; then
    echo "missing: ${missing[*]} (no apt-get here to install them with)" >&2
    return 1
  fi
  if ((EUID != 0)); then
    if ! sudo -n true 2>/dev/null; then
      echo "missing: ${missing[*]} (install them, or run as root or with sudo)" >&2
      return 1
    fi
    sudo=(sudo)
  fi
  echo "installing ${missing[*]}" >&2
  local policy=/usr/sbin/policy-rc.d made=
  if [[ ! -e $policy ]]; then
    made=1
    printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
    "${sudo[@]}" chmod 755 "$policy"
  fi
  local status=0
  { "${sudo[@]}" apt-get update -qq &&
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >/dev/null || status=$?
  [[ -z $made ]] || "${sudo[@]}" rm -f "$policy"
  ((status == 0)) || { echo "apt-get could not install ${missing[*]}" >&2; return 2; }
}
