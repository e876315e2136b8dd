import { GetAutomationExecutionCommand, StartAutomationExecutionCommand } from '@aws-sdk/client-ssm'
import type { Aws } from '../aws/clients.ts'
import { isTransient } from '../aws/errors.ts'
import { EXIT, Stop } from '../cli/errors.ts'

export interface AutomationOptions {
  group: string
  verb: 'drain' | 'undrain'
  instance: string
  pollMs: number
  timeoutMs: number
}

/** Runs one of Terraform's automation documents on one instance and waits for it to finish. */
export async function runAutomation(aws: Aws, options: AutomationOptions): Promise<void> {
  const { group, verb, instance, pollMs, timeoutMs } = options
  const { AutomationExecutionId } = await aws.ssm.send(
    new StartAutomationExecutionCommand({
      DocumentName: `${group}-${verb}`,
      Parameters: { InstanceId: [instance], AutoScalingGroupName: [group] },
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
    if (status === 'Success') return
    if (/^(Failed|TimedOut|Cancelled)$/.test(status)) {
      throw new Stop(
        `${verb} of ${instance}: ${status}. ${execution?.FailureMessage ?? ''}`.trim(),
        EXIT.failed,
      )
    }
    if (Date.now() > deadline) {
      throw new Stop(
        `${verb} of ${instance} is still ${status}; it continues as automation ${AutomationExecutionId}`,
        EXIT.timedOut,
      )
    }
  }
}

function unlessTransient(error: Error): undefined {
  if (!isTransient(error)) throw error
}
