# shellcheck shell=bash
# Sourced by every script: sets $root and $service_name, puts the pinned Bun on PATH and installs the locked dependencies if they changed.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
# shellcheck disable=SC2034 # used by the scripts that source this
service_name=$(sed -n 's/^  "name": "\(.*\)",$/\1/p' "$root/package.json")
bun_version=$(sed -n 's/.*"packageManager": "bun@\([^"]*\)".*/\1/p' "$root/package.json")

bun_is_right() { [[ $(bun --version 2>/dev/null) == "$bun_version" ]]; }

# Installs Bun as an npm package if npm is there, otherwise with Bun's own installer.
install_bun() {
  local tools=$root/.tools/bun arch package
  echo "installing Bun $bun_version into .tools/bun" >&2
  mkdir -p "$tools/bin"
  if command -v npm >/dev/null; then
    arch=$(uname -m | sed 's/x86_64/x64/; s/arm64/aarch64/')
    package=@oven/bun-$(uname -s | tr '[:upper:]' '[:lower:]')-$arch
    npm install --silent --no-save --prefix "$tools" "$package@$bun_version" >&2
    ln -sf "../node_modules/$package/bin/bun" "$tools/bin/bun"
  else
    # shellcheck source=scripts/lib/shell/packages.sh
    source "$root/scripts/lib/shell/packages.sh"
    need_packages curl unzip ca-certificates
    curl -fsSL https://bun.sh/install | BUN_INSTALL=$tools SHELL=/bin/sh bash -s "bun-v$bun_version" >&2
  fi
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
