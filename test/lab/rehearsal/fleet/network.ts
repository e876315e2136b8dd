import { join } from 'node:path'
import { $ } from 'bun'
import { addMetadataAddress } from '../../support/metadata-service.ts'
import { BRIDGE, HOST_ADDRESS, type Place, PREFIX_LENGTH } from '../names.ts'

/** Creates a place's network namespace with the instances' bridge. Nothing in it has access to the outside. */
export async function makeNetwork({ namespace }: Place): Promise<void> {
  await $`ip netns add ${namespace}`.quiet()
  const inside = ['ip', '-n', namespace]
  await $`${inside} link set lo up`.quiet()
  await $`${inside} link add ${BRIDGE} type bridge`.quiet()
  await $`${inside} address add ${HOST_ADDRESS}/${PREFIX_LENGTH} dev ${BRIDGE}`.quiet()
  await $`${inside} link set ${BRIDGE} up`.quiet()
  await addMetadataAddress(namespace, BRIDGE)
}

/** The command that runs `words` in the place, with its DNS server as the only one, until the caller dies. */
export async function inPlace({ namespace, folder }: Place, words: string[]): Promise<string[]> {
  const resolver = join(folder, 'resolv.conf')
  await Bun.write(resolver, `nameserver ${HOST_ADDRESS}\noptions timeout:1\n`)
  return [
    ...['setpriv', '--pdeathsig', 'TERM', 'nsenter', `--net=/run/netns/${namespace}`],
    ...['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"'],
    ...[resolver, ...words],
  ]
}
