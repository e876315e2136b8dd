#!/usr/bin/env bash
# Installs the PACKAGES of the distribution that an instance needs, so that nothing is installed at boot.
set -euo pipefail

# Until cloud-init has ended it may hold the package database. What it fails at is no matter of the image's.
if command -v cloud-init >/dev/null; then
  cloud-init status --wait >/dev/null || true
fi

# Others may hold the database too, such as the SSM agent when it updates itself.
install() {
  local attempt
  for attempt in 1 2 3 4; do
    dnf --quiet --assumeyes install "$@" && return
    echo "dnf failed, attempt $attempt of 4" >&2
    ((attempt == 4)) || sleep $((attempt * 10))
  done
  return 1
}

read -ra packages <<<"${PACKAGES:-}"
if ((${#packages[@]})); then
  install "${packages[@]}"
  echo "installed ${packages[*]}"
fi
