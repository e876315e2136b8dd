import type { Aws } from '../aws/clients.ts'
import { type CommandOutcome, commentFor, runOnEach } from '../aws/ssm.ts'
import { shortRelease } from '../cli/format.ts'
import { type Fleet, inService } from '../fleet/fleet.ts'
import { findVersion } from '../fleet/images.ts'
import { type Sums, shortSum } from '../image/artifacts.ts'
import { service } from '../service.ts'
import { type Finding, notAsked, ok, problem, problemsOr } from './finding.ts'

/** The AMI that a version of the group's launch template names. */
export async function imageOf(
  aws: Aws,
  fleet: Fleet,
  version: number | undefined,
): Promise<string | undefined> {
  const id = fleet.group.LaunchTemplate?.LaunchTemplateId
  if (!id || version === undefined) return undefined
  return (await findVersion(aws, id, version))?.imageId
}

/** Whether a version of the group's launch template launches the AMI. */
export async function examineVersion(
  aws: Aws,
  fleet: Fleet,
  version: number | undefined,
  ami: string,
): Promise<Finding> {
  if (version === undefined) return problem(`${fleet.name} launches no version with a number`)
  const image = await imageOf(aws, fleet, version)
  const named = `version ${version} of ${fleet.name}`
  if (image === ami) return ok(`${named} launches ${ami}`)
  return problem(image ? `${named} launches ${image}, not ${ami}` : `${named} does not exist`)
}

export interface InstanceQuestion {
  commit: string
  version: number | undefined
  /** What is stated, or without a statement what was rebuilt; undefined: only releases are compared. */
  sums: Sums | undefined
  pollMs: number
  timeoutMs: number
  note: (line: string) => void
}

/** Has each instance in service report over SSM what is installed, what runs, and which release that says it is. */
export async function examineInstances(
  aws: Aws,
  fleet: Fleet,
  question: InstanceQuestion,
): Promise<Finding[]> {
  const { commit, version, sums, pollMs, timeoutMs, note } = question
  if (version !== fleet.templateVersion) {
    return [notAsked(`${fleet.name} has gone on to version ${fleet.templateVersion ?? 'unknown'}`)]
  }
  const members = inService(fleet)
  const ids = members.map(({ id }) => id)
  if (ids.length === 0) return [problem(`${fleet.name} has no instance in service`)]
  note(`asking ${ids.length} instances over SSM`)
  const outcomes = await runOnEach(aws, ids, {
    group: fleet.name,
    verb: 'checksum',
    comment: await commentFor(aws, 'checksum', 'scripts/verify'),
    pollMs,
    timeoutMs,
    note,
  })
  const strays = members
    .filter((member) => member.templateVersion !== version)
    .map(({ id, templateVersion: other }) => `${id} has version ${other ?? 'unknown'}`)
  const problems = outcomes.flatMap((outcome) => problemsOf(outcome, commit, sums))
  const what = sums ? 'have installed and run the stated executable and answer' : 'answer'
  return problemsOr(
    [...strays, ...problems],
    `${ids.length} of ${ids.length} ${what} ${service.version.path} with the release`,
  )
}

function problemsOf(
  { id, status, stdout, stderr }: CommandOutcome,
  commit: string,
  sums: Sums | undefined,
): string[] {
  if (status !== 'Success')
    return [`${id} did not answer (${status}${stderr && `: ${stderr.trim()}`})`]
  const values = (name: string): string[] =>
    [...stdout.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value)
  const problems: string[] = []
  const expect = (what: string, found: string[], expected: string) => {
    if (found.length === 0) problems.push(`${id} did not report ${what}`)
    const other = found.find((value) => value !== expected)
    if (other !== undefined) {
      problems.push(`${what} of ${id} is ${shortOf(other)}, expected ${shortOf(expected)}`)
    }
  }
  if (sums) {
    expect('the checksum of the installed executable', values('installed'), sums.executable)
    expect('the checksum of the running executable', values('running'), sums.executable)
    expect('the checksum of the bill of materials', values('sbom'), sums.sbom)
  }
  const releases = values('version').map((body) => service.version.read(body)?.release ?? body)
  expect('the release', releases, commit)
  return problems
}

const shortOf = (text: string): string =>
  /^[0-9a-f]{64}$/.test(text) ? shortSum(text) : shortRelease(text)
