import { $ } from 'bun'
import { addMetadataAddress } from '../../support/metadata-service.ts'
import { BRIDGE, HOST_ADDRESS, NAMESPACE, PREFIX_LENGTH } from '../names.ts'

/** Creates the network namespace with the instances' bridge. Nothing in it has access to the outside. */
export async function makeNetwork(): Promise<void> {
  await $`ip netns add ${NAMESPACE}`.quiet()
  const inside = ['ip', '-n', NAMESPACE]
  await $`${inside} link set lo up`.quiet()
  await $`${inside} link add ${BRIDGE} type bridge`.quiet()
  await $`${inside} address add ${HOST_ADDRESS}/${PREFIX_LENGTH} dev ${BRIDGE}`.quiet()
  await $`${inside} link set ${BRIDGE} up`.quiet()
  await addMetadataAddress(NAMESPACE, BRIDGE)
}

/** The command that runs `words` in the namespace and terminates when the caller dies. */
export const inNetwork = (words: string[]): string[] => [
  ...['setpriv', '--pdeathsig', 'TERM', 'nsenter', `--net=/run/netns/${NAMESPACE}`],
  ...words,
]
