import { readFileSync } from 'node:fs'
import { $ } from 'bun'

/** Where every instance finds it. */
export const METADATA_ADDRESS = '169.254.169.254'
/** As `http_put_response_hop_limit` in terraform/group.tf. */
export const HOP_LIMIT = 1

/** The number of its routing table. */
const ROUTES = 169

const VERSIONS = ['2009-04-04', '2016-09-02', '2018-09-24', '2021-03-23', 'latest']
const HOUR_MS = 3_600_000
const MAX_TTL_SECONDS = 21_600
const TTL_HEADER = 'x-aws-ec2-metadata-token-ttl-seconds'
const TOKEN_HEADER = 'x-aws-ec2-metadata-token'

/** An instance as its metadata service describes it. */
export interface Described {
  id: string
  imageId: string
  /** Availability zone. */
  zone: string
  /** '' if it has none. */
  userData: string
  /** Of its instance profile, with the access key that its sessions have. */
  role?: { name: string; accessKeyId: string }
}

interface Token {
  address: string
  expiresAt: number
}

type Tree = { [name: string]: Tree | string }

/**
 * A double of the EC2 metadata service, with http_tokens = "required": IMDSv2 only. Like the real one it knows who asks by
 * the sender's address, and a token is good only for the instance that got it. There are no keys and no tags in it, since
 * the launch template has no key and does not turn on instance_metadata_tags.
 */
export class MetadataService {
  private readonly instances = new Map<string, Described>()
  private readonly tokens = new Map<string, Token>()
  private server: Bun.Server<undefined> | undefined

  constructor(private readonly now = Date.now) {}

  /** Port 0 selects a free one. Returns the URL. */
  start(hostname = METADATA_ADDRESS, port = 80): string {
    this.server = Bun.serve({
      hostname,
      port,
      fetch: (request, server) => this.answer(request, server.requestIP(request)?.address ?? ''),
    })
    return this.server.url.origin
  }

  async stop(): Promise<void> {
    await this.server?.stop(true)
  }

  /** From now on `instance` is the one at this address. */
  describe(address: string, instance: Described): void {
    this.instances.set(address, instance)
  }

  private answer(request: Request, address: string): Response {
    const instance = this.instances.get(address)
    if (!instance) return plain(404, `no instance has the address ${address}`)
    const { pathname } = new URL(request.url)
    if (request.method === 'PUT' && pathname === '/latest/api/token') {
      return this.issue(request, address)
    }
    if (request.method !== 'GET') return plain(405, '')
    const token = this.tokens.get(request.headers.get(TOKEN_HEADER) ?? '')
    if (token?.address !== address || token.expiresAt <= this.now()) return plain(401, '')
    const [version = '', ...path] = pathname.split('/').filter(Boolean)
    const found = VERSIONS.includes(version) ? lookUp(describe(instance, address), path) : undefined
    if (found === undefined || found === '') return plain(404, '')
    return plain(200, typeof found === 'string' ? found : listing(found))
  }

  private issue(request: Request, address: string): Response {
    // A proxy that anybody can make a request through must not get a token.
    if (request.headers.has('x-forwarded-for')) return plain(403, '')
    const seconds = Number(request.headers.get(TTL_HEADER) ?? Number.NaN)
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_TTL_SECONDS)
      return plain(400, '')
    const token = crypto.getRandomValues(new Uint8Array(42)).toBase64({ alphabet: 'base64url' })
    this.tokens.set(token, { address, expiresAt: this.now() + seconds * 1000 })
    return plain(200, token, { [TTL_HEADER]: String(seconds) })
  }
}

function describe({ id, imageId, zone, userData, role }: Described, address: string): Tree {
  const region = zone.slice(0, -1)
  const name = `ip-${address.replaceAll('.', '-')}.${region}.compute.internal`
  const document = {
    ...{ accountId: '123456789012', architecture: process.arch, availabilityZone: zone },
    ...{ imageId, instanceId: id, instanceType: 't4g.small', privateIp: address, region },
  }
  const mac = macOf(address)
  return {
    'meta-data': {
      'ami-id': imageId,
      'ami-launch-index': '0',
      hostname: name,
      ...(role && { iam: { 'security-credentials': { [role.name]: credentials(role) } } }),
      'instance-action': 'none',
      'instance-id': id,
      'instance-type': document.instanceType,
      'local-hostname': name,
      'local-ipv4': address,
      mac,
      network: {
        interfaces: {
          macs: {
            [mac]: {
              'device-number': '0',
              'local-ipv4s': address,
              mac,
              'vpc-id': 'vpc-0123456789abcdef0',
            },
          },
        },
      },
      placement: { 'availability-zone': zone, region },
      'reservation-id': 'r-0123456789abcdef0',
      services: { domain: 'amazonaws.com', partition: 'aws' },
    },
    'user-data': userData,
    dynamic: { 'instance-identity': { document: JSON.stringify(document, null, 2) } },
  }
}

const credentials = ({ accessKeyId }: { accessKeyId: string }): string =>
  JSON.stringify({
    Code: 'Success',
    LastUpdated: new Date().toISOString(),
    Type: 'AWS-HMAC',
    AccessKeyId: accessKeyId,
    SecretAccessKey: 'example',
    Token: 'example',
    Expiration: new Date(Date.now() + 6 * HOUR_MS).toISOString(),
  })

/** The hardware address that a packet from `address` last came from. */
function macOf(address: string): string {
  const line = readFileSync('/proc/net/arp', 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${address} `))
  return line?.split(/ +/)[3] ?? '00:00:00:00:00:00'
}

function lookUp(tree: Tree, path: string[]): Tree | string | undefined {
  let found: Tree | string | undefined = tree
  for (const name of path) {
    if (typeof found !== 'object' || !Object.hasOwn(found, name)) return undefined
    found = found[name]
  }
  return found
}

/** A line for each entry; those of a folder end in a slash. */
const listing = (tree: Tree): string =>
  Object.entries(tree)
    .map(([name, entry]) => (typeof entry === 'string' ? name : `${name}/`))
    .join('\n')

const plain = (status: number, body: string, headers: Record<string, string> = {}): Response =>
  new Response(body, {
    status,
    headers: { 'content-type': 'text/plain', server: 'EC2ws', ...headers },
  })

/**
 * Gives a bridge in the network namespace the service's address. Whatever is sent from it lives for HOP_LIMIT hops: it
 * reaches an instance, but nothing behind one, such as a container with a network of its own. EC2 limits only the
 * response to the PUT; without a token, the rest is of no use.
 */
export async function addMetadataAddress(namespace: string, bridge: string): Promise<void> {
  const inside = ['ip', '-n', namespace]
  await $`${inside} address add ${METADATA_ADDRESS}/32 dev ${bridge}`.quiet()
  await $`${inside} rule add from ${METADATA_ADDRESS} lookup ${ROUTES}`.quiet()
  await $`${inside} route add default dev ${bridge} table ${ROUTES} hoplimit ${HOP_LIMIT}`.quiet()
}

if (import.meta.main) {
  const service = new MetadataService()
  const instances: Record<string, Described> = JSON.parse(process.argv[2] ?? '{}')
  for (const [address, instance] of Object.entries(instances)) service.describe(address, instance)
  console.log(service.start())
}
