import {
  CancelCommandCommand,
  GetCommandInvocationCommand,
  paginateListCommandInvocations,
  SendCommandCommand,
} from '@aws-sdk/client-ssm'
import { callerName } from './caller.ts'
import type { Aws } from './clients.ts'
import { explain, isTransient } from './errors.ts'
import { withRetry } from './retry.ts'

/** The SSM documents that Terraform owns, named `<group>-<verb>`. */
export type DocumentVerb =
  | 'status'
  | 'logs'
  | 'restart'
  | 'reload'
  | 'compare'
  | 'bundle'
  | 'checksum'
  | 'traffic'
  | 'drain'
  | 'undrain'

export interface CommandOptions {
  group: string
  verb: DocumentVerb
  parameters?: Record<string, string[]>
  /** Kept in SSM's command history: who and why. */
  comment: string
  pollMs: number
  timeoutMs: number
  /** Told what takes long. */
  note?: (text: string) => void
}

export interface CommandOutcome {
  id: string
  /** SSM's status: Success, Failed, TimedOut, Cancelled…; Pending or InProgress when time ran out; NOT_ASKED or UNKNOWN. */
  status: string
  stdout: string
  stderr: string
}

/** Statuses of a command that did not end in its time. */
export const GIVEN_UP = /^(Pending|InProgress|Delayed|Cancelling|Cancelled|TimedOut)$/

/** Status of an instance for which SSM did not accept the command. */
export const NOT_ASKED = 'not asked'

/** Status of an instance that was sent the command, but whose answer could not be read. */
const UNKNOWN = 'unknown'

/** SSM accepts no shorter time for an agent to take a command. */
const SHORTEST_DELIVERY_SECONDS = 30

const ENDED = /^(Success|Failed|TimedOut|Cancelled|Undeliverable|Terminated)$/

// SSM refuses a longer comment.
const COMMENT_LIMIT = 100

// SSM refuses a command to more instance ids.
const IDS_LIMIT = 50

/** How many answers are read at the same time: SSM throttles who reads those of a large fleet at once. */
const READS_AT_ONCE = 5

const ROUNDS_BETWEEN_NOTES = 5

/** Instances to which one SendCommand applied, with the id of the command or the error that refused it. */
type Batch = { ids: string[]; commandId: string } | { ids: string[]; refusal: unknown }

/**
 * Runs a document on the instances, in as few commands as SSM allows; one that SSM does not know keeps nothing from the
 * others. The outcomes are in the order of `ids`; throws only when none could be asked.
 */
export async function runOnEach(
  aws: Aws,
  ids: string[],
  options: CommandOptions,
): Promise<CommandOutcome[]> {
  const deadline = Date.now() + options.timeoutMs
  const batches: Batch[] = []
  for (const some of chunks(ids, IDS_LIMIT))
    batches.push(...(await sendInParts(aws, some, options, deadline)))
  const asked = batches.filter((batch) => 'commandId' in batch)
  const refused = batches.filter((batch) => 'refusal' in batch)
  if (asked.length === 0 && refused[0]) throw refused[0].refusal
  const outcomes = await collect(aws, asked, options)
  for (const { ids, refusal } of refused) {
    for (const id of ids) {
      outcomes.set(id, { id, status: NOT_ASKED, stdout: '', stderr: explain(refusal) })
    }
  }
  return ids.flatMap((id) => outcomes.get(id) ?? [])
}

/** Runs a document on one instance and waits for it to finish. Throws when it could not be asked. */
export async function runDocument(
  aws: Aws,
  id: string,
  options: CommandOptions,
): Promise<CommandOutcome> {
  const [outcome] = await runOnEach(aws, [id], options)
  return outcome as CommandOutcome
}

/** One command, or if SSM does not know an instance, as many as it takes to leave only that one out. */
async function sendInParts(
  aws: Aws,
  ids: string[],
  options: CommandOptions,
  deadline: number,
): Promise<Batch[]> {
  try {
    return [{ ids, commandId: await send(aws, ids, options, deadline) }]
  } catch (refusal) {
    // SSM does not always name it.
    if ((refusal as Error).name !== 'InvalidInstanceId' || ids.length === 1) {
      return [{ ids, refusal }]
    }
    const half = Math.ceil(ids.length / 2)
    const first = await sendInParts(aws, ids.slice(0, half), options, deadline)
    return [...first, ...(await sendInParts(aws, ids.slice(half), options, deadline))]
  }
}

/** Returns the id of the command. */
async function send(
  aws: Aws,
  InstanceIds: string[],
  { group, verb, comment, parameters, pollMs, note = () => {} }: CommandOptions,
  deadline: number,
): Promise<string> {
  const command = new SendCommandCommand({
    DocumentName: `${group}-${verb}`,
    InstanceIds,
    Comment: comment.slice(0, COMMENT_LIMIT),
    // By default, an agent that comes back within the hour still runs it.
    TimeoutSeconds: Math.max(SHORTEST_DELIVERY_SECONDS, Math.ceil((deadline - Date.now()) / 1000)),
    ...(parameters ? { Parameters: parameters } : {}),
  })
  const { signal } = new AbortController()
  const policy = { pollMs, patienceMs: deadline - Date.now(), signal, note }
  const answer = await withRetry(() => aws.ssm.send(command), policy)
  return answer?.Command?.CommandId ?? ''
}

/** Waits for the commands to finish; returns the outcomes by instance id. */
async function collect(
  aws: Aws,
  commands: { ids: string[]; commandId: string }[],
  { verb, pollMs, timeoutMs, note }: CommandOptions,
): Promise<Map<string, CommandOutcome>> {
  const outcomes = new Map<string, CommandOutcome>()
  const total = commands.reduce((sum, { ids }) => sum + ids.length, 0)
  const deadline = Date.now() + timeoutMs
  for (let round = 1; outcomes.size < total; round++) {
    await Bun.sleep(pollMs)
    const isLast = Date.now() > deadline
    for (const { ids, commandId } of commands) {
      const waiting = ids.filter((id) => !outcomes.has(id))
      if (isLast) await giveUp(aws, commandId, waiting, note)
      const due = isLast || ids.length === 1 ? waiting : await ended(aws, commandId, waiting)
      for (const some of chunks(due, READS_AT_ONCE)) {
        const read = await Promise.all(some.map((id) => outcomeOf(aws, commandId, id, isLast)))
        for (const outcome of read) if (outcome) outcomes.set(outcome.id, outcome)
      }
    }
    if (round % ROUNDS_BETWEEN_NOTES === 0 && total > 1 && outcomes.size < total) {
      note?.(`${verb}: ${outcomes.size} of ${total} instances have answered`)
    }
  }
  return outcomes
}

/** What nobody waits for any more must not run later. */
async function giveUp(
  aws: Aws,
  CommandId: string,
  InstanceIds: string[],
  note: CommandOptions['note'],
): Promise<void> {
  if (InstanceIds.length === 0) return
  const command = new CancelCommandCommand({ CommandId, InstanceIds })
  await aws.ssm.send(command).catch((error) => {
    note?.(
      `${InstanceIds.join(', ')} may still run it: it could not be cancelled (${explain(error)})`,
    )
  })
}

/** Those of `waiting` on which the command has ended: one call for all of them. */
async function ended(aws: Aws, CommandId: string, waiting: string[]): Promise<string[]> {
  if (waiting.length === 0) return []
  const done = new Set<string | undefined>()
  try {
    for await (const page of paginateListCommandInvocations({ client: aws.ssm }, { CommandId })) {
      for (const { InstanceId, Status = '' } of page.CommandInvocations ?? []) {
        if (ENDED.test(Status)) done.add(InstanceId)
      }
    }
  } catch (error) {
    // Who may not list may still read each answer.
    if (!isTransient(error)) return waiting
  }
  return waiting.filter((id) => done.has(id))
}

/** Undefined while there is no answer yet; at the last attempt, whatever is known. */
async function outcomeOf(
  aws: Aws,
  CommandId: string,
  InstanceId: string,
  isLast: boolean,
): Promise<CommandOutcome | undefined> {
  try {
    const {
      Status: status = 'Pending',
      StandardOutputContent: stdout = '',
      StandardErrorContent: stderr = '',
    } = await aws.ssm.send(new GetCommandInvocationCommand({ CommandId, InstanceId }))
    return isLast || ENDED.test(status) ? { id: InstanceId, status, stdout, stderr } : undefined
  } catch (error) {
    if (!isLast && mayAnswerLater(error as Error)) return undefined
    return { id: InstanceId, status: UNKNOWN, stdout: '', stderr: explain(error) }
  }
}

// The invocation appears a moment after the command was accepted.
const mayAnswerLater = (error: Error): boolean =>
  error.name === 'InvocationDoesNotExist' || isTransient(error)

const chunks = (ids: string[], size: number): string[][] =>
  Array.from({ length: Math.ceil(ids.length / size) }, (_, index) =>
    ids.slice(index * size, (index + 1) * size),
  )

/** Who runs this, and why: `restart by alice: memory leak`. */
export async function commentFor(aws: Aws, verb: string, reason: string): Promise<string> {
  return `${verb} by ${await callerName(aws)}${reason ? `: ${reason}` : ''}`
}
