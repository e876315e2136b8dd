#!/usr/bin/env bash
# Installs the distribution PACKAGES that an instance needs, so that nothing is installed at boot.
set -euo pipefail

# cloud-init may lock the package database until it has finished. Its failures do not concern the image.
if command -v cloud-init >/dev/null; then
  cloud-init status --wait >/dev/null || true
fi

# Others may lock the database too, such as the SSM agent when it updates itself.
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
