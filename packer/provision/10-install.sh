#!/usr/bin/env bash
# Installs the executable, its units and its user from the payload.
set -euo pipefail

from=$(mktemp -d)
tar -xzf "$PAYLOAD" -C "$from"

install -D -m 755 "$from/hello" /usr/local/bin/hello
install -D -m 755 -t /usr/local/lib/hello "$from/systemd/worker-wanted" "$from/systemd/last-words"
install -D -m 755 "$from/systemd/hello-generator" /usr/local/lib/systemd/system-generators/hello-generator
install -D -m 644 -t /usr/local/lib/systemd/system "$from/systemd/hello@.service" "$from/systemd/hello.target"
install -D -m 644 "$from/systemd/journald.conf" /usr/local/lib/systemd/journald.conf.d/50-hello.conf
install -D -m 644 "$from/systemd/sysusers.conf" /usr/local/lib/sysusers.d/hello.conf
install -D -m 644 "$from/systemd/sysctl.conf" /usr/local/lib/sysctl.d/50-hello.conf
install -d -m 755 /etc/hello
echo "$RELEASE" >/etc/hello/release
rm -rf "$from"

# Where SELinux is on, files from an archive carry no label that init may use.
if command -v restorecon >/dev/null; then
  restorecon -RF /usr/local /etc/hello
fi

systemd-sysusers
systemctl daemon-reload
systemctl --quiet enable hello.target
echo "installed release $RELEASE"
