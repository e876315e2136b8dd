import { service } from '../../../scripts/lib/service.ts'

/** Everything of a rehearsal that is visible to the rest of the machine has a name that begins with one of these. */
export const REHEARSAL = `${service.name}-rehearsal`
export const CONTAINER_PREFIX = 'hr-'

/** Of all places, and the id of the process that has them. */
export const RUN_FOLDER = `/run/${REHEARSAL}`

/** Where one scenario is played; there may be several at once. */
export interface Place {
  number: number
  /** Its network. */
  namespace: string
  /** Sockets, stores and environment files, until its end. */
  folder: string
  /** Containers are hr-0-1, hr-0-2 and so on; their control groups NAME-hr-0-1 … */
  containers: string
}

export const placeOf = (number: number): Place => ({
  number,
  namespace: `${REHEARSAL}-${number}`,
  folder: `${RUN_FOLDER}/${number}`,
  containers: `${CONTAINER_PREFIX}${number}-`,
})

/** Of this process, if it plays. */
export const here: Place = placeOf(Number(process.env.REHEARSAL_PLACE ?? 0))

/** The bridge, inside the namespace, that the instances are on. */
export const BRIDGE = 'instances'
const SUBNET = '10.0.0'
/** The store, AWS and DNS, on the bridge itself. */
export const HOST_ADDRESS = `${SUBNET}.1`
export const PREFIX_LENGTH = 24
/** The load balancer, whose nodes have addresses of their own. */
export const BALANCER = 'balancer.test'
export const URL = `https://${BALANCER}`
/** One in each zone. */
export const NODE_ADDRESSES = [2, 3, 4].map((number) => `${SUBNET}.${number}`)

/** The address of the instance with this number, from 1; addresses are reused after 200 instances. */
export const addressOf = (number: number): string => `${SUBNET}.${11 + ((number - 1) % 200)}`

export const GROUP = REHEARSAL
export const TEMPLATE = 'lt-0123456789abcdef0'
