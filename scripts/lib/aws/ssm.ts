import { GetCommandInvocationCommand, SendCommandCommand } from '@aws-sdk/client-ssm'
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts'
import type { Aws } from './clients.ts'
import { explain, isTransient } from './errors.ts'

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
  /** SSM's status: Success, Failed, TimedOut, Cancelled…, Pending when time ran out, or NOT_ASKED. */
  status: string
  stdout: string
  stderr: string
}

/** Status of an instance for which SSM did not accept the command. */
export const NOT_ASKED = 'not asked'

const ENDED = /^(Success|Failed|TimedOut|Cancelled|Undeliverable|Terminated)$/

// SSM refuses a longer comment.
const COMMENT_LIMIT = 100

/**
 * Runs a document on each instance separately, so that one unknown to SSM does not affect the others. The outcomes are
 * in the order of `ids`; throws only when none could be asked.
 */
export async function runOnEach(
  aws: Aws,
  ids: string[],
  options: CommandOptions,
): Promise<CommandOutcome[]> {
  const settled = await Promise.allSettled(ids.map((id) => runDocument(aws, id, options)))
  const [first] = settled
  if (first?.status === 'rejected' && settled.every(({ status }) => status === 'rejected')) {
    throw first.reason
  }
  return settled.map((each, index) =>
    each.status === 'fulfilled'
      ? each.value
      : { id: ids[index] ?? '', status: NOT_ASKED, stdout: '', stderr: explain(each.reason) },
  )
}

/** Runs a document on one instance and waits for it to finish. */
export async function runDocument(
  aws: Aws,
  id: string,
  options: CommandOptions,
): Promise<CommandOutcome> {
  const answer = await aws.ssm.send(
    new SendCommandCommand({
      DocumentName: `${options.group}-${options.verb}`,
      InstanceIds: [id],
      Comment: options.comment.slice(0, COMMENT_LIMIT),
      ...(options.parameters ? { Parameters: options.parameters } : {}),
    }),
  )
  return await outcomeOf(aws, answer.Command?.CommandId ?? '', id, options)
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
  if (error.name === 'InvocationDoesNotExist' || isTransient(error)) return undefined
  throw error
}

/** Who runs this, as the last part of the caller's ARN, and why: `restart by alice: memory leak`. */
export async function commentFor(aws: Aws, verb: string, reason: string): Promise<string> {
  const { Arn } = await aws.sts.send(new GetCallerIdentityCommand({}))
  const who = Arn?.split('/').at(-1) ?? 'unknown'
  return `${verb} by ${who}${reason ? `: ${reason}` : ''}`
}
