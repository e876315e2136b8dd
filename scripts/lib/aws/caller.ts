import { GetCallerIdentityCommand } from '@aws-sdk/client-sts'
import type { Aws } from './clients.ts'

/** Who runs this: the last part of the caller's ARN, such as a user's or a session's name. */
export async function callerName(aws: Aws): Promise<string> {
  const { Arn } = await aws.sts.send(new GetCallerIdentityCommand({}))
  return Arn?.split(/[/:]/).at(-1) ?? 'unknown'
}
