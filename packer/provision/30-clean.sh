#!/usr/bin/env bash
# Removes what the build left and what belongs to one machine: keys, histories, logs, caches, identities.
set -euo pipefail

rm -f "$PAYLOAD"

for home in /root /home/*; do
  rm -rf "$home"/.ssh "$home"/.*_history "$home"/.cache "$home"/.lesshst "$home"/.viminfo
done
rm -f /etc/ssh/ssh_host_*

if command -v cloud-init >/dev/null; then
  cloud-init clean --logs
fi
if command -v dnf >/dev/null; then
  dnf --quiet clean all
fi
rm -rf /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /var/lib/apt/lists/* /var/cache/ldconfig/aux-cache

# An empty machine-id is made anew at boot; a missing one would make it a first boot, with every preset applied.
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id /var/lib/systemd/random-seed /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow-

find /var/log -type f ! -path '/var/log/journal/*' -exec truncate --size 0 {} +
find /var/tmp -mindepth 1 -delete
sync
