import { GetParameterCommand } from '@aws-sdk/client-ssm'
import { z } from 'zod'
import type { Aws } from '../aws/clients.ts'
import { explain, unless } from '../aws/errors.ts'
import { oneLine } from '../cli/format.ts'
import { service } from '../service.ts'

const Freeze = z.strictObject({ reason: z.string().min(1).max(200), until: z.iso.datetime() })

/** Where deploys to a group, whose name is SERVICE-ENVIRONMENT, are frozen: a parameter of SSM. */
export const freezeOf = (group: string): string =>
  `/${service.name}/${group.slice(service.name.length + 1)}/freeze`

/**
 * Why deploys to the group are frozen at `now`, in milliseconds since the epoch, and until when, in words; undefined if they are not. What is no freeze of
 * the known form freezes, too. `note` is called if AWS does not say.
 */
export async function findFreeze(
  aws: Aws,
  group: string,
  now: number,
  note: (line: string) => void,
): Promise<string | undefined> {
  const Name = freezeOf(group)
  try {
    const answer = await aws.ssm
      .send(new GetParameterCommand({ Name }))
      .catch(unless('ParameterNotFound'))
    const value = answer?.Parameter?.Value
    if (value === undefined) return undefined
    const { success, data } = Freeze.safeParse(parse(value))
    if (!success) {
      return `the parameter ${Name} is not {"reason": TEXT, "until": "2026-12-27T08:00:00Z"}`
    }
    return Date.parse(data.until) > now ? `${oneLine(data.reason)}, until ${data.until}` : undefined
  } catch (error) {
    note(`whether deploys are frozen is not known: ${explain(error)}`)
    return undefined
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
