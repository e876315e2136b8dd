import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { root } from '../../../scripts/lib/service.ts'
import { callersHere } from '../iam/roles.ts'
import { run, succeed } from '../support/command.ts'
import { providerEnvironment } from '../support/terraform.ts'
import { goTool, pythonTool, valkeyServer } from '../support/tools.ts'

/** What a test file needs that a checkout with Bun does not have. */
interface Kind {
  /** Its name in --help, if a person may have to install it. */
  says?: string
  /** Debian packages. */
  packages?: readonly string[]
  /** Why it cannot be had here. */
  impossible?: () => string | false
  /** Makes it, after the packages are there. */
  prepare?: () => Promise<unknown>
}

/** What scripts/bake installs. */
const [, IMAGE_PACKAGES = []] = (
  /image_packages=\((.*)\)/.exec(
    readFileSync(join(root, 'scripts/lib/shell/image-packages.sh'), 'utf8'),
  ) ?? []
).map((list) => list.split(' '))

export const NEEDS = {
  shellcheck: { says: 'shellcheck', packages: ['shellcheck'] },
  git: { says: 'git', packages: ['git'] },
  curl: { says: 'curl', packages: ['curl'] },
  zsh: { says: 'Zsh', packages: ['zsh'] },
  jq: { says: 'jq', packages: ['jq'] },
  pgrep: { says: 'pgrep', packages: ['procps'] },
  openssl: { says: 'openssl', packages: ['openssl'] },
  redis: { says: 'Redis', packages: ['redis-server', 'redis-sentinel', 'redis-tools', 'openssl'] },
  etcd: { says: 'etcd', packages: ['etcd-server', 'etcd-client'] },
  wrk: { says: 'wrk', packages: ['wrk'] },
  systemd: { says: 'systemd', packages: ['systemd'] },
  chromium: { says: 'Chromium', packages: ['chromium'] },
  debootstrap: { says: 'debootstrap', packages: ['debootstrap'] },
  packer: { says: 'Packer', packages: ['packer', 'openssh-client'] },
  image: { says: 'Packer, systemd-nspawn', packages: IMAGE_PACKAGES },
  haproxy: { says: 'HAProxy', packages: ['haproxy'] },
  python: { says: 'Python', packages: ['python3', 'python3-venv'] },
  ministack: {
    says: 'Python',
    packages: ['python3', 'python3-venv'],
    prepare: () => pythonTool('ministack'),
  },
  schemathesis: {
    packages: ['python3', 'python3-venv'],
    prepare: () => pythonTool('schemathesis'),
  },
  valkey: {
    says: 'Python',
    packages: ['python3', 'python3-venv'],
    prepare: valkeyServer,
  },
  checkov: {
    says: 'Python',
    packages: ['python3', 'python3-venv'],
    prepare: () => pythonTool('checkov'),
  },
  qemu: {
    says: 'qemu',
    packages: [
      'qemu-user-static',
      'libc6-arm64-cross',
      'libstdc++6-arm64-cross',
      'libgcc-s1-arm64-cross',
    ],
    impossible: () =>
      process.arch !== 'x64' &&
      "emulates arm64 on x86_64 only; the other parts test this machine's own architecture",
  },
  root: {
    says: 'root on Linux',
    impossible: () =>
      !(process.getuid?.() === 0 && process.platform === 'linux') && 'needs root on Linux',
  },
  cores: {
    says: 'two cores',
    impossible: () => availableParallelism() < 2 && 'needs two cores',
  },
  go: {
    says: 'Go',
    impossible: () => !Bun.which('go') && 'missing: Go 1.26 or later, https://go.dev/dl',
  },
  terraform: {
    says: 'Terraform',
    impossible: () =>
      !Bun.which('terraform') &&
      'missing: Terraform 1.11 or later, https://developer.hashicorp.com/terraform/install',
    prepare: providerEnvironment,
  },
  /** What each role may do, which Terraform renders; without it, the tests leave that out. */
  roles: { prepare: () => callersHere('production') },
  tflint: { says: 'Go', prepare: () => (Bun.which('go') ? goTool('tflint') : Promise.resolve()) },
  actionlint: {
    says: 'Go',
    prepare: () => (Bun.which('go') ? goTool('actionlint') : Promise.resolve()),
  },
  executable: { prepare: () => build() },
  'arm64 executable': { prepare: () => build('--arch', 'arm64') },
} as const satisfies Record<string, Kind>

let built: Promise<unknown> = Promise.resolve()

/** One after another, since builds share a list of checksums. */
function build(...options: string[]): Promise<unknown> {
  built = built.then(() => succeed(['scripts/build', ...options], { cwd: root }))
  return built
}

export type Need = keyof typeof NEEDS

const INSTALL = 'root=$PWD; source scripts/lib/shell/packages.sh; need_packages "$@"'

/** Installs Debian packages; returns why that is impossible here, if it is. Throws what went wrong if it should work. */
async function installPackages(names: string[]): Promise<string | undefined> {
  const { code, err } = await run(['bash', '-c', INSTALL, 'bash', ...names], { cwd: root })
  if (code === 0) return
  if (code === 1) return err.trim()
  throw new Error(err.trim())
}

/**
 * Makes what is needed, each once, starting now: first all packages at once, then the rest in order. Asked for a need, it
 * tells why that is impossible here, or rejects if it should have worked.
 */
export function provide(needs: Need[]): (need: Need) => Promise<string | undefined> {
  const kinds = needs.map((need): [Need, Kind] => [need, NEEDS[need]])
  const possible = kinds.filter(([, { impossible }]) => !impossible?.())
  const missing = missingPackages(possible.flatMap(([, { packages }]) => packages ?? []))
  const made = new Map(kinds.map(([need, kind]) => [need, make(kind, missing)]))
  for (const each of made.values()) each.catch(() => {})
  return (need) => made.get(need) as Promise<string | undefined>
}

/** Installs packages; returns what became of those that could not be installed at once: a reason, or an error. */
async function missingPackages(names: string[]): Promise<Map<string, string | Error | undefined>> {
  const missing = new Map<string, string | Error | undefined>()
  const all = [...new Set(names)]
  if (all.length === 0) return missing
  const together = Bun.spawn(['bash', '-c', INSTALL, 'bash', ...all], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if ((await together.exited) === 0) return missing
  for (const name of all)
    missing.set(name, await installPackages([name]).catch((error: Error) => error))
  return missing
}

/** What needs packages waits for all of them: a Python whose files are being replaced cannot be relied on. */
async function make(
  { packages, impossible, prepare }: Kind,
  missing: Promise<Map<string, string | Error | undefined>>,
): Promise<string | undefined> {
  const reason = impossible?.()
  if (reason) return reason
  if (packages) {
    const reasons = await missing
    const wrong = packages.map((name) => reasons.get(name)).find(Boolean)
    if (wrong instanceof Error) throw wrong
    if (wrong) return wrong
  }
  await prepare?.()
}
