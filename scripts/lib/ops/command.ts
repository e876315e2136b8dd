import { GetCommandInvocationCommand, SendCommandCommand } from '@aws-sdk/client-ssm'
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts'
import { type Aws, passing } from '../aws.ts'

/** The SSM documents that Terraform owns, named `<group>-<verb>`. */
export type DocumentVerb = 'status' | 'logs' | 'restart' | 'bundle' | 'drain' | 'undrain'

export interface CommandOptions {
  group: string
  verb: DocumentVerb
  parameters?: Record<string, string[]>
  /** Kept in SSM's command history: who and why. */
  comment: string
  pollMs: number
  timeoutMs: number
}

export interface CommandOutcome {
  id: string
  /** SSM's status: Success, Failed, TimedOut, Cancelled… or Pending when the time was up. */
  status: string
  stdout: string
  stderr: string
}

const ENDED = /^(Success|Failed|TimedOut|Cancelled|Undeliverable|Terminated)$/

// SSM refuses a longer comment.
const COMMENT_LIMIT = 100

/** Runs a document on instances and waits for each; the outcomes come in the order of `ids`. */
export async function runDocument(
  aws: Aws,
  ids: string[],
  options: CommandOptions,
): Promise<CommandOutcome[]> {
  const answer = await aws.ssm.send(
    new SendCommandCommand({
      DocumentName: `${options.group}-${options.verb}`,
      InstanceIds: ids,
      Comment: options.comment.slice(0, COMMENT_LIMIT),
      ...(options.parameters ? { Parameters: options.parameters } : {}),
    }),
  )
  const commandId = answer.Command?.CommandId ?? ''
  return await Promise.all(ids.map((id) => outcomeOf(aws, commandId, id, options)))
}

async function outcomeOf(
  aws: Aws,
  CommandId: string,
  InstanceId: string,
  { pollMs, timeoutMs }: CommandOptions,
): Promise<CommandOutcome> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    await Bun.sleep(pollMs)
    const answer = await aws.ssm
      .send(new GetCommandInvocationCommand({ CommandId, InstanceId }))
      .catch(unlessTooEarly)
    const status = answer?.Status ?? 'Pending'
    if (ENDED.test(status) || Date.now() > deadline) {
      return {
        id: InstanceId,
        status,
        stdout: answer?.StandardOutputContent ?? '',
        stderr: answer?.StandardErrorContent ?? '',
      }
    }
  }
}

// The invocation appears a moment after the command was accepted.
function unlessTooEarly(error: Error): undefined {
  if (error.name === 'InvocationDoesNotExist' || passing(error)) return undefined
  throw error
}

/** Who runs this, as the last part of the caller's ARN, and why: `restart by alice: memory leak`. */
export async function commentFor(aws: Aws, verb: string, reason: string): Promise<string> {
  const { Arn } = await aws.sts.send(new GetCallerIdentityCommand({}))
  const who = Arn?.split('/').at(-1) ?? 'unknown'
  return `${verb} by ${who}${reason ? `: ${reason}` : ''}`
}
