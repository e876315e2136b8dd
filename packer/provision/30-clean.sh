#!/usr/bin/env bash
# Removes build leftovers and whatever belongs to one machine: keys, histories, logs, caches, identities.
set -euo pipefail

rm -f "$PAYLOAD"

# What the image is made of, so that two can be compared.
if command -v rpm >/dev/null; then
  rpm --query --all --queryformat '%{NAME} %{EPOCHNUM}:%{VERSION}-%{RELEASE} %{ARCH}\n'
else
  dpkg-query --show --showformat '${Package} ${Version} ${Architecture}\n'
fi | LC_ALL=C sort >/usr/local/lib/app/packages.txt
chmod 644 /usr/local/lib/app/packages.txt

for home in /root /home/*; do
  rm -rf "$home"/.ssh "$home"/.*_history "$home"/.cache "$home"/.lesshst "$home"/.viminfo "$home"/.aws "$home"/.netrc
done
rm -f /etc/ssh/ssh_host_*

if command -v cloud-init >/dev/null; then
  cloud-init clean --logs
fi
if command -v dnf >/dev/null; then
  dnf --quiet clean all
fi
rm -rf /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /var/lib/apt/lists/* /var/cache/ldconfig/aux-cache

# An empty machine-id is regenerated at boot; a missing one would make it a first boot, which applies every preset.
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id /var/lib/systemd/random-seed /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow-

# At shutdown they would save a seed, which every instance would share, and a record of the build instance's login times.
for unit in systemd-random-seed.service systemd-update-utmp.service; do
  if systemctl cat "$unit" >/dev/null 2>&1; then
    systemctl --quiet mask --runtime "$unit"
  fi
done

# This session runs through the SSM agent, so the agent's data about the build instance, and the key that it registers
# with, which every instance would share, are removed once the agent has stopped: a unit ordered before another is stopped after it. It is in /run, so it does not end up in the image.
cat >/run/systemd/system/app-forget-instance.service <<'EOF'
[Unit]
Description=Remove the SSM agent's data about the build instance
Before=amazon-ssm-agent.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=/bin/sh -c 'rm -rf /var/lib/amazon/ssm/Vault /var/lib/amazon/ssm/i-* /var/log/amazon/ssm/*'
EOF
systemctl daemon-reload
systemctl start app-forget-instance.service

find /var/log -type f ! -path '/var/log/journal/*' -exec truncate --size 0 {} +
find /var/tmp -mindepth 1 -delete
sync
