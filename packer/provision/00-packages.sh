#!/usr/bin/env bash
# Installs the PACKAGES of the distribution that an instance needs, so that nothing is installed at boot.
set -euo pipefail

read -ra packages <<<"${PACKAGES:-}"
if ((${#packages[@]})); then
  dnf --quiet --assumeyes install "${packages[@]}"
  echo "installed ${packages[*]}"
fi
