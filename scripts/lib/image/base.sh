#!/usr/bin/env bash
# base.sh ARCHIVE: make the Debian 12 root file system that a local bake starts from. As root, from Debian's mirror.
set -euo pipefail

archive=$1
work=$(mktemp -d "$(dirname "$archive")/.base.XXXXXX")
root=$work/root
# What debootstrap has mounted goes first: through it, rm would reach the machine's own.
cleanup() {
  findmnt --list --noheadings --output TARGET | { grep -F "$work/" || true; } | sort --reverse | xargs --no-run-if-empty umount --lazy
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

# curl is part of Amazon Linux; sshd is Packer's way in and masked at the end, as there.
packages=systemd,systemd-sysv,systemd-timesyncd,libpam-systemd,dbus,iproute2,openssh-server,curl,ca-certificates
debootstrap --variant=minbase --include="$packages" bookworm "$root" >"$work/log" 2>&1 || {
  tail -5 "$work/log" >&2
  exit 1
}

# Part of Amazon Linux, too. By apt, since debootstrap cannot order the configuration of its dependencies.
chroot "$root" sh -euc '
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends cloud-init' >"$work/log" 2>&1 || {
  tail -5 "$work/log" >&2
  exit 1
}

echo app >"$root/etc/hostname"
printf '127.0.0.1 localhost app\n::1 localhost\n' >"$root/etc/hosts"
: >"$root/etc/machine-id"
rm -rf "$root"/etc/resolv.conf "$root"/etc/ssh/ssh_host_* "$root"/var/lib/dbus/machine-id "$root"/etc/*- \
  "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*.log "$root"/var/log/apt/* "$root"/debootstrap

# The name sorts before 80-container-host0.network, which would ask for an address by DHCP and wait.
cat >"$root/etc/systemd/network/10-host0.network" <<'EOF'
[Match]
Name=host0

[Network]
DHCP=yes
EOF
systemctl --quiet --root="$root" enable systemd-networkd.service
systemctl --quiet --root="$root" mask e2scrub_all.timer e2scrub_reap.service

tar -C "$root" --sort=name --numeric-owner --xattrs -cf "$archive.partial" .
mv "$archive.partial" "$archive"
