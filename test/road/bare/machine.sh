#!/usr/bin/env bash
# machine.sh ROOT COMMAND…: run COMMAND in a clone of this repository's HEAD on a bare Debian 12, as root.
# ROOT is that Debian, made if it is missing. Writes go to a layer that is discarded. The host lends its package sources
# and, if installed, node with npm. The exit code is COMMAND's, or 99 when a file of an installed package was modified,
# or something was left in /tmp or that keeps services from starting.
set -euo pipefail
root=$(realpath -m "$1")
shift
repository=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)

if [[ ! -d $root ]]; then
  echo "making a bare Debian 12, once" >&2
  trap 'rm -rf "$root.new"' EXIT
  mkdir -p "$(dirname "$root")"
  debootstrap --variant=minbase --include=git,ca-certificates bookworm "$root.new" >"$root.log" 2>&1 ||
    { tail -n 5 "$root.log" >&2; exit 1; }
  mv "$root.new" "$root"
fi
layer=$(mktemp -d "$root.layer.XXXXXX")
trap 'rmdir "$layer"' EXIT

export root layer repository
unshare --mount --pid --fork --kill-child --propagation private bash -euo pipefail -s -- "$@" <<'INSIDE'
mount -t tmpfs tmpfs "$layer"
mkdir "$layer"/{upper,work,root}
mount -t overlay overlay -o "lowerdir=$root,upperdir=$layer/upper,workdir=$layer/work" "$layer/root"
cd "$layer/root"
rm -rf etc/apt/sources.list{,.d}
for each in /etc/{apt/{sources.list,sources.list.d,apt.conf.d},ssl/certs,pip.conf,npmrc,resolv.conf,hosts} \
  /usr/{etc/npmrc,local/share/ca-certificates} /root/.npmrc; do
  [[ ! -e $each ]] || { mkdir -p ".$(dirname "$each")"; rm -rf ".$each"; cp -aL "$each" ".$each"; }
done
for each in sys dev; do mount --rbind "/$each" "$each"; done
mount -t proc proc proc
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mkdir -p run/lock usr/lib/node_modules
lend() {
  [[ -e ${1-} ]] || return 0
  mkdir -p ".$(dirname "$1")"
  if [[ -d $1 ]]; then mkdir -p ".$1"; else : >>".$1"; fi
  mount --bind -o ro "$1" ".$1"
}
node=
if npm=$(command -v npm); then
  node=$(command -v node)
  lend "$node"
  modules=$(realpath "$npm" | sed 's|/npm/bin/.*||')
  lend "$modules"
  ln -s "$modules/npm/bin/npm-cli.js" usr/local/bin/npm
fi
git clone --quiet "$repository" root/repository

status=0
# The variables that name certificates are needed inside, too.
chroot . env HOME=/root TMPDIR=/tmp "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin${node:+:${node%/*}}" \
  bash -c 'cd /root/repository && "$@"' bash "$@" </dev/null || status=$?

# dpkg marks configuration files with "c"; these may change.
damaged=$(chroot . dpkg --verify | awk '$2 != "c"' || true)
left=$(ls -d tmp/* tmp/.[!.]* usr/sbin/policy-rc.d 2>/dev/null || true)
[[ -z $damaged ]] || { printf 'damaged:\n%s\n' "$damaged" >&2; status=99; }
[[ -z $left ]] || { printf 'left behind:\n%s\n' "$left" >&2; status=99; }
exit "$status"
INSIDE
