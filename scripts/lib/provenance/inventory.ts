import { gunzipSync, gzipSync } from 'node:zlib'
import { GetParameterCommand, PutParameterCommand } from '@aws-sdk/client-ssm'
import type { Aws } from '../aws/clients.ts'
import { unless } from '../aws/errors.ts'
import { packagesAt } from './kept.ts'

/** A line of packages.txt in the image: name, version and architecture, in the characters that packages may have. */
const PACKAGE = /^([\w.+-]{1,200}) ([\w.+~^:()-]{1,200}) [\w-]{1,20}$/

/** More is no list of an image. */
const MOST_BYTES = 1_000_000

/** Keeps the list that provisioning left in packages.txt. AWS refuses when there is one already. */
export async function keepPackages(aws: Aws, ami: string, list: string): Promise<void> {
  await aws.ssm.send(
    new PutParameterCommand({
      Name: packagesAt(ami),
      // Some 450 packages are 21 KB; the parameter holds 8 KB, which this is well below.
      Value: gzipSync(list, { level: 9 }).toString('base64'),
      Type: 'String',
      Tier: 'Intelligent-Tiering',
      Overwrite: false,
    }),
  )
}

/** The kept list of an AMI's packages; undefined if there is none. */
export async function findPackages(aws: Aws, ami: string): Promise<string | undefined> {
  const command = new GetParameterCommand({ Name: packagesAt(ami) })
  const answer = await aws.ssm.send(command).catch(unless('ParameterNotFound'))
  const kept = answer?.Parameter?.Value
  if (kept === undefined) return undefined
  return gunzipSync(Buffer.from(kept, 'base64'), { maxOutputLength: MOST_BYTES }).toString()
}

/** What differs between two lists of packages, a line each; a package may be installed in several versions. */
export function packageChanges(before: string, after: string): string[] {
  const [old, now] = [versionsIn(before), versionsIn(after)]
  const names = [...new Set([...old.keys(), ...now.keys()])].sort()
  return names.flatMap((name) => {
    const [was, is] = [old.get(name)?.join(', '), now.get(name)?.join(', ')]
    if (was === is) return []
    if (was === undefined) return [`${name} ${is} is new`]
    return [is === undefined ? `${name} ${was} is gone` : `${name} ${was} -> ${is}`]
  })
}

function versionsIn(list: string): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const line of list.split('\n')) {
    const [, name, version] = PACKAGE.exec(line) ?? []
    if (name && version) found.set(name, [...(found.get(name) ?? []), version])
  }
  return found
}
