#!/usr/bin/env bash
# Installs the executable, its bill of materials, its units and its user from the payload.
set -euo pipefail

from=$(mktemp -d)
tar -xzf "$PAYLOAD" -C "$from"

install -D -m 755 "$from/app" /usr/local/bin/app
install -D -m 755 -t /usr/local/lib/app "$from/systemd/worker-condition" "$from/systemd/report-exit"
install -D -m 755 "$from/systemd/app-generator" /usr/local/lib/systemd/system-generators/app-generator
install -D -m 644 -t /usr/local/lib/systemd/system "$from/systemd/app@.service" "$from/systemd/app.target"
install -D -m 644 "$from/systemd/journald.conf" /usr/local/lib/systemd/journald.conf.d/50-app.conf
install -D -m 644 "$from/systemd/sysusers.conf" /usr/local/lib/sysusers.d/app.conf
install -D -m 644 "$from/systemd/sysctl.conf" /usr/local/lib/sysctl.d/50-app.conf
install -m 644 -t /usr/local/lib/app "$from/defaults.env" "$from/sbom.cdx.json"
install -d -m 755 /etc/app
echo "$RELEASE" >/etc/app/release
rm -rf "$from"

# With SELinux on, files from an archive lack the labels that init needs.
if command -v restorecon >/dev/null; then
  restorecon -RF /usr/local /etc/app
fi

systemd-sysusers
systemctl daemon-reload
systemctl --quiet enable app.target
echo "installed release $RELEASE"
