import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { chosenRegion } from '../aws/clients.ts'
import { classifyError, explain } from '../aws/errors.ts'
import { type Command, runCommand } from '../cli/command.ts'
import { EXIT, Stop } from '../cli/errors.ts'
import { flag, number, parsed, text } from '../cli/options.ts'
import { connectAccount } from '../doctor/account.ts'
import { type Configuration, Environment } from '../doctor/environment.ts'
import { CHECKS, type CheckName, examine, TooLate, within } from '../doctor/examine.ts'
import { firstError } from '../doctor/plan.ts'
import { Report } from '../doctor/report.ts'
import { Terraform } from '../release/terraform.ts'
import { root, service } from '../service.ts'

const options = {
  group: text('NAME', 'Auto Scaling group', `${service.name}-production`),
  region: text('NAME', "AWS region (AWS_REGION, terraform output, or the profile's)"),
  url: parsed(
    'URL',
    "the service's URL (terraform output, or the load balancer's)",
    (url) => (/^https?:\/\/[^/]+\/?$/.test(url) ? url.replace(/\/$/, '') : undefined),
    { wants: 'a URL without a path, such as https://example.com' },
  ),
  'no-plan': flag('leave out terraform plan, which takes a minute, and what it knows'),
  json: flag('print the result as JSON; the lines go to stderr'),
  'timeout-seconds': number('time limit for each check', 60),
  'plan-timeout-seconds': number('time limit for terraform plan', 600),
}

export const command: Command<typeof options> = {
  name: 'doctor',
  synopsis: `
usage: scripts/doctor [options]

Looks at what an environment really has in AWS and says, a line for each finding, what is well and what is not, and what
to do about it. Run it after the first apply, and first when something is wrong. It changes nothing.

  ok         as it should be
  problem    not as it should be; the line ends with what to do
  unknown    could not be looked at: access was denied, or there was no answer

Checks: ${Object.keys(CHECKS).join(', ')}.`,
  explain,
  options,
  examples: [
    ['doctor', 'all checks, in a minute'],
    ['doctor --no-plan', 'without terraform plan, in seconds'],
  ],
  notes: `
An unknown is no problem by itself, so that whoever may not read everything can still run this; but one of service,
instances, alarms or rollback counts as one. All that it reads, the role 'plan' of terraform/bootstrap may read.

exit codes: 0 all well, 1 something to do, or no access at all, 2 usage`,
}

if (import.meta.main) {
  await runCommand(command, async ({ options }) => {
    const { group, region, url, json, noPlan } = options
    const limitMs = options.timeoutSeconds * 1000
    const planLimitMs = options.planTimeoutSeconds * 1000
    const configuration = noPlan
      ? 'left out'
      : await readConfiguration(group, { limitMs, planLimitMs })
    const regionApplied =
      typeof configuration === 'string' ? undefined : configuration.outputs.region
    const aws = connectAccount(chosenRegion(region) ?? regionApplied)
    const file = join(root, '.github/aws.env')
    const settings = existsSync(file) ? readFileSync(file, 'utf8') : undefined
    const environment = new Environment(aws, { group, url, configuration, settings })
    await refuseIfHopeless(environment, limitMs)

    const report = new Report(json ? process.stderr : process.stdout)
    const names = (Object.keys(CHECKS) as CheckName[]).filter((name) => !noPlan || name !== 'plan')
    const results = await examine(environment, {
      names,
      limitOf: (name) => (name === 'plan' ? planLimitMs : limitMs),
      show: (some) => report.show(some),
      wait: (some) => report.wait(some),
    })
    report.end(results)
    const isWell = results.every(({ counts }) => !counts)
    if (json) console.log(JSON.stringify({ group, isWell, results }, undefined, 2))
    return isWell ? EXIT.ok : EXIT.refused
  })
}

/** What this clone's Terraform says of the group, or why it says nothing. */
async function readConfiguration(
  group: string,
  { limitMs, planLimitMs }: { limitMs: number; planLimitMs: number },
): Promise<Configuration | string> {
  const folder = join(root, 'terraform')
  try {
    const terraform = new Terraform(folder, limitMs)
    const outputs = await terraform.outputs()
    if (outputs.group === group) return { terraform: new Terraform(folder, planLimitMs), outputs }
    return outputs.group
      ? `terraform output here is of ${outputs.group}, not of ${group}`
      : 'terraform output is empty: nothing is applied, or terraform/backend.tf is missing'
  } catch (error) {
    if (error instanceof Stop) return firstError(error.message)
    throw error
  }
}

/** Throws where every check would fail for the same reason. */
async function refuseIfHopeless(environment: Environment, limitMs: number): Promise<void> {
  await within(limitMs, environment.fleet()).catch((error) => {
    if (error instanceof TooLate) return
    if (error instanceof Stop || /credentials|expired|region|network/.test(classifyError(error))) {
      throw error
    }
  })
}
