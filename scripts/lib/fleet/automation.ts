import { GetAutomationExecutionCommand, StartAutomationExecutionCommand } from '@aws-sdk/client-ssm'
import type { Aws } from '../aws/clients.ts'
import { isTransient } from '../aws/errors.ts'
import { EXIT, Stop } from '../cli/errors.ts'

export interface AutomationOptions {
  group: string
  verb: 'drain' | 'undrain' | 'replace' | 'discard' | 'rollback'
  parameters: Record<string, string[]>
  /** What it acts on, for messages. */
  subject: string
  pollMs: number
  timeoutMs: number
}

/** Runs one of Terraform's automation documents and waits for it to finish. Returns its outputs. */
export async function runAutomation(
  aws: Aws,
  options: AutomationOptions,
): Promise<Record<string, string[]>> {
  const { group, verb, parameters, subject, pollMs, timeoutMs } = options
  const { AutomationExecutionId } = await aws.ssm.send(
    new StartAutomationExecutionCommand({
      DocumentName: `${group}-${verb}`,
      Parameters: parameters,
    }),
  )
  const deadline = Date.now() + timeoutMs
  for (;;) {
    await Bun.sleep(pollMs)
    const answer = await aws.ssm
      .send(new GetAutomationExecutionCommand({ AutomationExecutionId }))
      .catch(unlessTransient)
    const execution = answer?.AutomationExecution
    const status = execution?.AutomationExecutionStatus ?? 'Pending'
    if (status === 'Success') return execution?.Outputs ?? {}
    if (/^(Failed|TimedOut|Cancelled)$/.test(status)) {
      throw new Stop(
        `${verb} of ${subject}: ${status}. ${execution?.FailureMessage ?? ''}`.trim(),
        EXIT.failed,
      )
    }
    if (Date.now() > deadline) {
      throw new Stop(
        `${verb} of ${subject} is still ${status}; it continues as automation ${AutomationExecutionId}`,
        EXIT.timedOut,
      )
    }
  }
}

function unlessTransient(error: Error): undefined {
  if (!isTransient(error)) throw error
}
