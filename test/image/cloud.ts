import { join } from 'node:path'
import { $ } from 'bun'
import { name } from '../../package.json'
import type { Network } from '../../scripts/lib/image/container.ts'
import { ec2Instance } from '../support/ec2-instance.ts'
import { addMetadataAddress, type Described } from '../support/metadata-service.ts'
import { end, temporaryFolder } from '../support/process.ts'

const BRIDGE = 'br0'
const SERVICE = join(import.meta.dir, '../support/metadata-service.ts')

export interface Cloud extends AsyncDisposable {
  /** What `boot` needs to boot the instance with this address. */
  instance(address: string): { network: Network; bind: Record<string, string> }
}

/** A network of its own, with a metadata service that describes these instances, by address in 192.0.2.0/24. */
export async function openCloud(instances: Record<string, Described>): Promise<Cloud> {
  const namespace = `${name}-cloud-${process.pid}`
  const folder = temporaryFolder()
  const inside = ['ip', '-n', namespace]
  await $`ip netns add ${namespace}`
  await $`${inside} link add ${BRIDGE} type bridge`
  await $`${inside} link set ${BRIDGE} up`
  await addMetadataAddress(namespace, BRIDGE)
  const command = [process.execPath, SERVICE, JSON.stringify(instances)]
  const service = Bun.spawn(['ip', 'netns', 'exec', namespace, ...command], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  await service.stdout.getReader().read()
  const bind = ec2Instance(folder.path)
  return {
    instance: (address) => ({
      network: { namespace: `/run/netns/${namespace}`, bridge: BRIDGE, address: `${address}/24` },
      bind,
    }),
    async [Symbol.asyncDispose]() {
      await end(service)
      await $`ip netns del ${namespace}`
      folder[Symbol.dispose]()
    },
  }
}
