import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { service } from '../service.ts'
import { makeCgroups, removeCgroups } from './cgroup.ts'

/** Longer than TimeoutStopSec of the units in the image. */
const STOP_TIMEOUT_MS = 120_000
const POLL_MS = 20
/** Exit code of systemd-nspawn when the container wants to reboot. */
const REBOOT = 133

export interface BootOptions {
  /** The root file system. */
  root: string
  /** Unique on this machine, up to 12 characters of a-z, 0-9 and -: the host's network interface is `vb-NAME`. */
  name: string
  /** Discards all writes at the end, so that several containers can boot from one root. */
  volatile?: boolean
  /** Host file or folder to its path in the container, read-only. */
  bind?: Record<string, string>
  /** The bridge, in a network namespace, to join; by default, a bridge of its own. */
  network?: Network
  /** The file the container's console is written to. */
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
  /** The process id, on the host, of the container's init: changes on reboot, undefined while it is down. */
  leader(): number | undefined
  /** Runs a command in the container, as its root user. */
  run(...command: string[]): Promise<Output>
  /** Runs a host command in the container's network: 127.0.0.1 is the container's. */
  beside(command: string[], env?: Record<string, string>): Bun.Subprocess<'ignore', 'pipe', 'pipe'>
  /** Shuts down cleanly. */
  stop(): Promise<void>
  /** Pulls the plug. */
  kill(): Promise<void>
}

/** The control group of the container with this name, or for the start of a name, its prefix. */
export const cgroupOf = (name: string): string => `${service.name}-${name}`

/** A bridge of its own, with an address from the documentation range. */
const LONELY = { bridge: 'alone', address: '192.0.2.2/24' }

/**
 * Boots a root file system under systemd-nspawn, as root. Returns as soon as its init runs. When this process ends,
 * the container shuts down.
 */
export async function bootContainer(options: BootOptions): Promise<Container> {
  const { name, root, log } = options
  const cgroup = cgroupOf(name)
  const folder = mkdtempSync(join(tmpdir(), `${service.name}-container-`))
  const command = nspawnCommand(options, makeCgroups(cgroup), folder)
  const console = openSync(log, 'a')
  const stdio = { stdin: 'ignore', stdout: console, stderr: console } as const

  let nspawn = Bun.spawn(command, stdio)
  const gone = (async () => {
    while ((await nspawn.exited) === REBOOT) nspawn = Bun.spawn(command, stdio)
    await removeCgroups(cgroup)
    rmSync(folder, { recursive: true })
  })()

  const leader = () => childrenOf(nspawn.pid).find(isInit)
  const enter = (...namespaces: string[]) => {
    const pid = leader()
    if (pid === undefined) throw new Error(`container ${name} is not running, see ${log}`)
    return ['nsenter', '-t', String(pid), ...namespaces]
  }

  // Killing systemd-nspawn would leave the container running; killing the container's init ends both.
  const unplug = () => {
    const pid = leader()
    if (pid !== undefined) process.kill(pid, 'SIGKILL')
  }

  while (leader() === undefined) {
    if (nspawn.exitCode !== null) {
      await gone
      throw new Error(`${root} does not boot: ${readFileSync(log, 'utf8').trim()}`)
    }
    await Bun.sleep(POLL_MS)
  }

  return {
    name,
    leader,
    async run(...words) {
      const inside = [...enter('--all'), 'env', '-i', ...LOGIN, ...words]
      const child = Bun.spawn(inside, { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
      const [stdout, stderr, exitCode] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
        child.exited,
      ])
      return { stdout, stderr, exitCode }
    },
    beside(words, env = {}) {
      return Bun.spawn([...enter('-n'), ...words], {
        stdin: 'ignore',
        stdout: 'pipe',
        stderr: 'pipe',
        env: { ...process.env, ...env },
      })
    },
    async stop() {
      nspawn.kill('SIGTERM')
      const timer = setTimeout(unplug, STOP_TIMEOUT_MS)
      await gone
      clearTimeout(timer)
    },
    async kill() {
      unplug()
      await gone
    },
  }
}

const LOGIN = [
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  'HOME=/root',
  'LANG=C.UTF-8',
]

/**
 * In a chroot the kernel refuses user namespaces, which the service's unit needs. So the chroot first becomes the root of
 * its own mount namespace, from which the container's is made. Outside a chroot, nothing changes.
 */
const OUT_OF_A_CHROOT = [
  ...['unshare', '--mount', '--propagation', 'private'],
  ...['nsenter', '--mount=/proc/self/ns/mnt', '--wd=/', 'sh', '-euc'],
  'test . -ef / || { mount --rbind . .; cd "$(pwd -P)"; mount --move . /; }; exec chroot . "$@"',
  'sh',
]

function nspawnCommand(options: BootOptions, cgroupProcs: string[], folder: string): string[] {
  const { name, root, network, volatile, bind } = options
  const { bridge, address } = network ?? LONELY
  const networkFile = join(folder, 'host0.network')
  writeFileSync(networkFile, networkUnit(address))
  const binds = { [networkFile]: '/etc/systemd/network/10-host0.network', ...bind }

  const steps = [
    // Unregistered containers would share one cgroup, and stop each other's services.
    ...cgroupProcs.map((path) => `echo $$ >${path}`),
    ...(network ? [] : [`ip link add ${bridge} type bridge`, `ip link set ${bridge} up`]),
    'exec "$@"',
  ]
  return [
    ...['setpriv', '--pdeathsig', 'TERM'],
    ...OUT_OF_A_CHROOT,
    ...(network ? ['nsenter', `--net=${network.namespace}`] : ['unshare', '--net']),
    ...['bash', '-c', steps.join(' && '), 'bash'],
    'systemd-nspawn',
    '--quiet',
    '--boot',
    // If the host's init is not systemd, there is nothing to register with.
    '--register=no',
    '--keep-unit',
    `--directory=${root}`,
    `--machine=${name}`,
    '--console=pipe',
    '--resolv-conf=off',
    '--timezone=off',
    '--link-journal=no',
    `--network-bridge=${bridge}`,
    ...(volatile ? ['--volatile=overlay'] : []),
    ...Object.entries(binds).map(([from, to]) => `--bind-ro=${from}:${to}`),
  ]
}

/**
 * Without LinkLocalAddressing and IPv6AcceptRA, the container would wait for a router advertisement before it is online. The route is
 * to the metadata service, which on EC2 is on the link, too.
 */
const networkUnit = (address: string): string => `[Match]
Name=host0

[Network]
Address=${address}
LinkLocalAddressing=no
IPv6AcceptRA=no

[Route]
Destination=169.254.169.254/32
Scope=link
`

function childrenOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return children.split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

/** Until it becomes the container's init, the child is another copy of systemd-nspawn. */
function isInit(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'systemd'
  } catch {
    return false
  }
}
