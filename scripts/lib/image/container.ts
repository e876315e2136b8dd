import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const STOP_TIMEOUT_MS = 60_000
const POLL_MS = 20

/** Those with a cgroup.procs are mounted: the last where there is cgroup v2 alone, the first two beside v1. */
const CGROUP_ROOTS = ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup/unified', '/sys/fs/cgroup']

/** A bridge of its own, with an address that is for documentation. */
const LONELY = { bridge: 'alone', address: '192.0.2.2/24' }

export interface BootOptions {
  /** The root file system. */
  root: string
  /** Unique on this machine, up to 12 characters of a-z, 0-9 and -: the host's network interface is `vb-NAME`. */
  name: string
  /** Everything written is thrown away at the end, so that several can boot from one root. */
  volatile?: boolean
  /** Host file or folder to where it appears in the container, read-only. */
  bind?: Record<string, string>
  /** The bridge, in a network namespace, to join; without it, one that nobody else is on. */
  network?: Network
  /** The container's console. */
  log: string
}

export interface Network {
  /** A path such as /run/netns/NAME. */
  namespace: string
  bridge: string
  /** Of the container, with its prefix length: 10.0.0.2/24. */
  address: string
}

export interface Output {
  exitCode: number
  stdout: string
  stderr: string
}

export interface Container {
  readonly name: string
  /** The process id, on the host, of the container's init; another one after a reboot. */
  leader(): number
  /** Runs a command in the container, as its root. */
  run(...command: string[]): Promise<Output>
  /** Runs a command of the host in the container's network: 127.0.0.1 is the container's. */
  beside(command: string[], env?: Record<string, string>): Bun.Subprocess<'ignore', 'pipe', 'pipe'>
  /** Shuts down in order. */
  stop(): Promise<void>
  /** Pulls the plug. */
  kill(): Promise<void>
}

/** Boots a root file system under systemd-nspawn, as root. Returns as soon as its init runs. */
export async function bootContainer(options: BootOptions): Promise<Container> {
  const { name, root, network } = options
  const { address } = network ?? LONELY
  const folder = mkdtempSync(join(tmpdir(), 'hello-container-'))
  const networkFile = join(folder, 'host0.network')
  writeFileSync(
    networkFile,
    `[Match]\nName=host0\n\n[Network]\nAddress=${address}\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n`,
  )
  const bind = { [networkFile]: '/etc/systemd/network/10-host0.network', ...options.bind }
  const cgroups = CGROUP_ROOTS.filter((path) => existsSync(join(path, 'cgroup.procs'))).map(
    (path) => join(path, `hello-${name}`),
  )
  for (const path of cgroups) mkdirSync(path, { recursive: true })

  const nspawn = [
    'systemd-nspawn',
    '--quiet',
    '--boot',
    // Where the host's init is not systemd there is nobody to register with.
    '--register=no',
    '--keep-unit',
    `--directory=${root}`,
    `--machine=${name}`,
    '--console=pipe',
    '--resolv-conf=off',
    '--timezone=off',
    '--link-journal=no',
    `--network-bridge=${(network ?? LONELY).bridge}`,
    ...(options.volatile ? ['--volatile=overlay'] : []),
    ...Object.entries(bind).map(([from, to]) => `--bind-ro=${from}:${to}`),
  ]
  const steps = [
    // Containers that are not registered would share one cgroup, and stop each other's services.
    ...cgroups.map((path) => `echo $$ >${path}/cgroup.procs`),
    ...(network
      ? []
      : [`ip link add ${LONELY.bridge} type bridge`, `ip link set ${LONELY.bridge} up`]),
    'exec "$@"',
  ]
  const into = network ? ['nsenter', `--net=${network.namespace}`] : ['unshare', '--net']
  const log = openSync(options.log, 'a')
  const process = Bun.spawn([...into, 'bash', '-c', steps.join(' && '), 'bash', ...nspawn], {
    stdin: 'ignore',
    stdout: log,
    stderr: log,
  })

  const leader = (): number => {
    const children = childrenOf(process.pid).filter((pid) => isInit(pid))
    if (children.length === 0)
      throw new Error(`container ${name} is not running, see ${options.log}`)
    return children[0] as number
  }
  const gone = async () => {
    await process.exited
    for (const path of cgroups) removeCgroup(path)
    rmSync(folder, { recursive: true })
  }

  while (!running(leader)) {
    if (process.exitCode !== null) {
      await gone()
      throw new Error(`${root} does not boot: ${readFileSync(options.log, 'utf8').trim()}`)
    }
    await Bun.sleep(POLL_MS)
  }

  return {
    name,
    leader,
    async run(...command) {
      const child = Bun.spawn(
        ['nsenter', '-t', String(leader()), '-a', 'env', '-i', ...LOGIN, ...command],
        {
          stdin: 'ignore',
          stdout: 'pipe',
          stderr: 'pipe',
        },
      )
      const [stdout, stderr, exitCode] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
        child.exited,
      ])
      return { stdout, stderr, exitCode }
    },
    beside(command, env = {}) {
      return Bun.spawn(['nsenter', '-t', String(leader()), '-n', ...command], {
        stdin: 'ignore',
        stdout: 'pipe',
        stderr: 'pipe',
        env: { ...Bun.env, ...env },
      })
    },
    async stop() {
      process.kill('SIGTERM')
      const timer = setTimeout(() => process.kill('SIGKILL'), STOP_TIMEOUT_MS)
      await gone()
      clearTimeout(timer)
    },
    async kill() {
      process.kill('SIGKILL')
      await gone()
    },
  }
}

const LOGIN = [
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  'HOME=/root',
  'LANG=C.UTF-8',
]

function running(leader: () => number): boolean {
  try {
    return leader() > 0
  } catch {
    return false
  }
}

function childrenOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return children.split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

/** Before it is the container's init, the child is another copy of systemd-nspawn. */
function isInit(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'systemd'
  } catch {
    return false
  }
}

function removeCgroup(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroup(join(path, entry.name))
  }
  rmdirSync(path)
}
