import { name } from '../../../package.json'
import type { ControlPlane } from './control-plane.ts'
import type { Metric } from './model.ts'

/** What an account has besides the group. Tests change it in place. */
export interface Account {
  /** Those with data in the last two weeks. */
  metrics: Metric[]
  /** In the last hour. */
  requestsPerTarget: number
  logGroup: string
  /** When the newest line of each log stream was written, in milliseconds since the epoch. */
  streams: Map<string, number>
  topic: string
  subscriptions: { endpoint: string; confirmed: boolean }[]
  subnets: { id: string; free: number }[]
  endpoints: Endpoint[]
  /** Whether instances have addresses of their own. */
  publicAddresses: boolean
  /** Instances that SSM has lost. */
  offline: Set<string>
  /** What is saved for sessions; undefined: nothing. */
  preferences: Record<string, unknown> | undefined
  /** Values by quota code: those that apply, and those that are only defaults. */
  quotas: Map<string, number>
  defaultQuotas: Map<string, number>
  /** The conditions under which a role may be assumed, by the role's name. */
  trust: Map<string, Record<string, string | string[]>>
  certificate: Certificate
  store: Store | undefined
  /** Types by name. */
  parameters: Map<string, string>
  /** Values by name, of parameters that are no secrets. */
  values: Map<string, string>
  /** Tags by id. */
  snapshots: Map<string, Record<string, string>>
}

export interface Endpoint {
  service: string
  type: 'Interface' | 'Gateway'
  state: string
  privateDns: boolean
  subnets: string[]
}

export interface Certificate {
  domain: string
  status: string
  /** In milliseconds since the epoch. */
  notAfter: number
  inUse: boolean
  renewable: boolean
  renewal?: string
}

export interface Store {
  engine: 'memorydb' | 'elasticache'
  status: string
  /** By name, the status of each: of its shard, with ElastiCache. */
  nodes: Map<string, string>
  /** Of the service's user. */
  passwords: string[]
  /** Has a real store take up `passwords`; until then, the user is being modified. */
  takeUp?: (passwords: string[]) => Promise<void>
  modifying: boolean
  /** The status of each, by name. */
  snapshots: Map<string, string>
  /** The copies made of them, by name. */
  copies: Map<string, { status: string; endpoint: string }>
  /** Has a real store do what the double only tells: the latter resolves with the host and port of the copy. */
  dump?: (snapshot: string) => Promise<void>
  load?: (snapshot: string) => Promise<string>
}

const accounts = new WeakMap<ControlPlane, Account>()

/** The account of this group, in which all is well at first. */
export function accountOf(plane: ControlPlane): Account {
  const known = accounts.get(plane) ?? wellAccount(plane.group.name)
  accounts.set(plane, known)
  return known
}

function wellAccount(group: string): Account {
  const environment = group.slice(name.length + 1)
  const subnets = ['subnet-0aaaaaaaaaaaaaaaa', 'subnet-0bbbbbbbbbbbbbbbb']
  return {
    metrics: [],
    requestsPerTarget: 0,
    logGroup: `/${name}/${environment}/journal`,
    streams: new Map(),
    topic: `arn:aws:sns:eu-west-1:123456789012:${group}-alarms`,
    subscriptions: [{ endpoint: 'ops@example.com', confirmed: true }],
    subnets: subnets.map((id) => ({ id, free: 4090 })),
    endpoints: ['ssm', 'ssmmessages', 'logs'].map((service) => ({
      service,
      type: 'Interface',
      state: 'available',
      privateDns: true,
      subnets: [...subnets],
    })),
    publicAddresses: false,
    offline: new Set(),
    preferences: undefined,
    quotas: new Map([['L-1216C47A', 256]]),
    defaultQuotas: new Map([['L-7E6692B2', 1000]]),
    trust: new Map(),
    certificate: {
      domain: 'service.example.com',
      status: 'ISSUED',
      notAfter: Date.now() + 100 * 86_400_000,
      inUse: true,
      renewable: true,
    },
    store: {
      engine: 'memorydb',
      status: 'available',
      nodes: new Map([
        [`${group}-0001-001`, 'available'],
        [`${group}-0001-002`, 'available'],
      ]),
      passwords: ['first'],
      modifying: false,
      snapshots: new Map(),
      copies: new Map(),
    },
    parameters: new Map([
      [`/${name}/${environment}/redis-password`, 'SecureString'],
      [`/${name}/${environment}/tokens`, 'SecureString'],
    ]),
    values: new Map(),
    snapshots: new Map(),
  }
}
