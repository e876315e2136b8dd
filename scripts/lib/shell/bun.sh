# shellcheck shell=bash
# Sourced by every script: sets $root and $service_name, puts the pinned Bun on PATH and installs the locked dependencies if they changed.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
# shellcheck disable=SC2034 # used by the scripts that source this
service_name=$(sed -n 's/^  "name": "\(.*\)",$/\1/p' "$root/package.json")
bun_version=$(sed -n 's/.*"packageManager": "bun@\([^"]*\)".*/\1/p' "$root/package.json")

bun_is_right() { [[ $(bun --version 2>/dev/null) == "$bun_version" ]]; }

# bun_for PLATFORM: print the path of the pinned Bun for linux-x64, linux-aarch64, darwin-x64 or darwin-aarch64: the one on
# PATH if it is that, else one in .tools, downloaded if need be. None is used but what bun.sha256 lists.
bun_for() {
  local package=bun-$1 kept=$root/.tools/bun/$bun_version/$1/bun sum each
  sum=$(sed -n "s/  $package\$//p" "$root/scripts/lib/shell/bun.sha256")
  [[ -n $sum ]] || { echo "scripts/lib/shell/bun.sha256 lists no Bun for $1" >&2; return 1; }
  is_listed() { [[ -f $1 && $(sha256sum <"$1") == "$sum  -" ]]; }
  for each in "$(command -v bun)" "$kept"; do
    ! is_listed "$each" || { echo "$each"; return; }
  done
  echo "installing Bun $bun_version for $1 into .tools/bun" >&2
  mkdir -p "${kept%/*}"
  download_bun "$1" >"$kept.new" || return
  is_listed "$kept.new" ||
    { echo "the Bun $bun_version for $1 that was downloaded is not the one in scripts/lib/shell/bun.sha256" >&2; return 1; }
  chmod 755 "$kept.new"
  mv "$kept.new" "$kept"
  echo "$kept"
}

# download_bun PLATFORM: print the executable, from the npm package if npm is there, otherwise from Bun's own release.
download_bun() {
  local folder
  folder=$(mktemp -d)
  # shellcheck disable=SC2064 # the folder of this call
  trap "rm -rf '$folder'" RETURN
  if command -v npm >/dev/null; then
    (cd "$folder" && npm pack --silent "@oven/bun-$1@$bun_version" >/dev/null) || return
    tar -xzOf "$folder"/*.tgz package/bin/bun
  else
    # shellcheck source=scripts/lib/shell/packages.sh
    source "$root/scripts/lib/shell/packages.sh"
    need_packages curl unzip ca-certificates || return
    curl -fsSL --retry 3 -o "$folder/bun.zip" \
      "https://github.com/oven-sh/bun/releases/download/bun-v$bun_version/bun-$1.zip" || return
    unzip -p "$folder/bun.zip" "bun-$1/bun"
  fi
}

install_bun() {
  local platform installed
  platform=$(uname -sm | sed 's/Linux/linux/; s/Darwin/darwin/; s/ /-/; s/x86_64/x64/; s/arm64/aarch64/')
  installed=$(bun_for "$platform") || return
  mkdir -p "$root/.tools/bun/bin"
  ln -sf "$installed" "$root/.tools/bun/bin/bun"
}

if ! bun_is_right; then
  export PATH=$root/.tools/bun/bin:$PATH
  bun_is_right || install_bun
  hash -r
  bun_is_right || { echo "Bun $bun_version could not be installed; put it on PATH and try again" >&2; exit 1; }
fi

if [[ ! $root/node_modules/.installed -nt $root/bun.lock ]]; then
  if ! installed=$(cd "$root" && bun install --frozen-lockfile 2>&1 && touch node_modules/.installed); then
    tail -n 3 <<<"$installed" >&2
    echo "the dependencies could not be installed: this needs the npm registry, or a mirror that bunfig.toml or .npmrc names" >&2
    exit 1
  fi
fi
