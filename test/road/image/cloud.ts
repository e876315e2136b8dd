import { join } from 'node:path'
import { $ } from 'bun'
import { name } from '../../../package.json'
import type { Network } from '../../../scripts/lib/image/container.ts'
import { ec2Instance } from '../../lab/support/ec2-instance.ts'
import { addMetadataAddress, type Described } from '../../lab/support/metadata-service.ts'
import { end, temporaryFolder } from '../../lab/support/process.ts'
import { REGION_ADDRESS, type Region, serversOf } from './region.ts'

const BRIDGE = 'br0'
const SERVICE = join(import.meta.dir, '../../lab/support/metadata-service.ts')

export interface Cloud extends AsyncDisposable {
  /** What `boot` needs to boot the instance with this address. */
  instance(address: string): { network: Network; bind: Record<string, string> }
}

/**
 * A network of its own, with a metadata service that describes these instances, by address in 192.0.2.0/24, and what is in
 * their region.
 */
export async function openCloud(
  instances: Record<string, Described>,
  region?: Region,
): Promise<Cloud> {
  const namespace = `${name}-cloud-${process.pid}`
  const folder = temporaryFolder()
  const inside = ['ip', '-n', namespace]
  await $`ip netns add ${namespace}`
  await $`${inside} link add ${BRIDGE} type bridge`
  await $`${inside} link set ${BRIDGE} up`
  await addMetadataAddress(namespace, BRIDGE)
  await $`${inside} address add ${REGION_ADDRESS}/24 dev ${BRIDGE}`
  const metadata = [process.execPath, SERVICE, JSON.stringify(instances)]
  const servers = [metadata, ...(region ? serversOf(region) : [])].map((command) =>
    Bun.spawn(['ip', 'netns', 'exec', namespace, ...command], {
      cwd: folder.path,
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'inherit',
    }),
  )
  for (const { stdout } of servers) await stdout.getReader().read()
  const bind = ec2Instance(folder.path)
  return {
    instance: (address) => ({
      network: { namespace: `/run/netns/${namespace}`, bridge: BRIDGE, address: `${address}/24` },
      bind,
    }),
    async [Symbol.asyncDispose]() {
      for (const server of servers) await end(server)
      await $`ip netns del ${namespace}`
      folder[Symbol.dispose]()
    },
  }
}
