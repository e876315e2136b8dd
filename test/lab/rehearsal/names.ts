import { service } from '../../../scripts/lib/service.ts'

/** Everything of a rehearsal that is visible to the rest of the machine has one of these names. */
export const NAMESPACE = `${service.name}-rehearsal`
/** Sockets, the process id and environment files, until the next boot. */
export const RUN_FOLDER = `/run/${NAMESPACE}`
/** Containers are hr-1, hr-2 and so on; their control groups NAME-hr-1 … */
export const CONTAINER_PREFIX = 'hr-'

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
/** Of a node that comes later. */
export const SPARE_NODE_ADDRESS = `${SUBNET}.5`
export const STORE_PORT = 6379

/** The address of the instance with this number, from 1; addresses are reused after 200 instances. */
export const addressOf = (number: number): string => `${SUBNET}.${11 + ((number - 1) % 200)}`

export const GROUP = NAMESPACE
export const TEMPLATE = 'lt-0123456789abcdef0'
