import type { Aws } from '../aws/clients.ts'
import { FleetWatch } from '../aws/fleet.ts'
import type { Arch } from '../aws/images.ts'
import { Stop } from '../errors.ts'
import { shortRelease } from '../format.ts'
import type { TrustedBuilder } from '../provenance/trust.ts'
import { compare, findBuilt } from './artifacts.ts'
import { rebuild } from './clean-room.ts'
import { examineCommit } from './commit.ts'
import { examineInstances, examineVersion, imageOf } from './fleet.ts'
import { examineAmi, examineAmiOffline, examineFolder, findAmi } from './image.ts'
import { type Finding, findingOf, type Link, lookFor, notAsked, ok, wrong } from './link.ts'
import { examineReceipt, type Told } from './receipt.ts'
import { type Stated, statedInFile, statedOfAmi, statementPath } from './statement.ts'

export interface Question {
  /** The clone to look for the commit in, and to build it from. */
  source: string
  /** The full id. */
  commit: string
  /** On which the commit must be; undefined: main. */
  branch: string | undefined
  receipt: Told | undefined
  trusted: TrustedBuilder[]
  /** A file; undefined: AWS and GitHub are asked, or without AWS what scripts/bake left in `source` is read. */
  statement: string | undefined
  /** Undefined: the one that is stated. */
  arch: Arch | undefined
  /** Whether to build the commit again. */
  rebuilds: boolean
  /** An image directory of scripts/bake --local. */
  folder: string | undefined
  group: string
  pollMs: number
  timeoutMs: number
  /** Told what takes long. */
  say: (line: string) => void
}

const OFFLINE = notAsked('--offline')

/**
 * Examines each link from the commit to the receipt. Without `aws`, nothing is asked of AWS; with it, throws when AWS does
 * not even tell the AMIs.
 */
export async function examineChain(question: Question, aws: Aws | undefined): Promise<Link[]> {
  const { source, commit, folder, trusted, say } = question
  const links: Link[] = []
  const add = async (name: string, look: () => Promise<Finding> | Finding) => {
    links.push({ name, ...(await findingOf(async () => await look())) })
  }
  const receipt = question.receipt?.content
  // A receipt of another release is about another image.
  const own = receipt?.release === commit ? receipt : undefined
  const fleet = aws && new FleetWatch(aws, question.group).snapshot()
  const running = await fleet
    ?.then((found) => imageOf(aws as Aws, found, found.version))
    .catch(() => undefined)
  const ami = own?.ami ?? (aws && (await findAmi(aws, commit, running)))

  await add('commit', () => examineCommit(source, commit, question.branch))

  const { value: stated, finding } = await lookFor(
    () => findStated(question, aws, ami),
    ({ builder, arch, signer }) => ok(`by ${builder}, for ${arch} (${signer})`),
  )
  links.push({ name: 'statement', ...finding })

  const arch = stated?.arch ?? question.arch ?? (process.arch as Arch)
  const rebuilt = await lookFor(
    async () => (question.rebuilds ? await rebuild(source, commit, arch, say) : undefined),
    () => ok('rebuilt'),
  )
  const built = await findBuilt(source, commit, arch)
  const sightings = [
    ...(rebuilt.value ? [{ where: 'rebuilt', sums: rebuilt.value }] : []),
    ...(built ? [{ where: 'in dist', sums: built }] : []),
  ]
  for (const what of ['executable', 'sbom'] as const) {
    await add(what, () =>
      rebuilt.finding.status === 'ok'
        ? compare(what, stated?.sums, sightings, '--no-rebuild')
        : rebuilt.finding,
    )
  }

  await add('image', () => {
    if (aws) return ami ? examineAmi(aws, ami, commit, stated) : wrong(noAmi(commit))
    return ami && stated ? examineAmiOffline(ami, stated) : OFFLINE
  })
  if (folder) {
    await add('image folder', () =>
      stated ? examineFolder(folder, stated) : notAsked('nothing is stated'),
    )
  }

  await add('launch template', async () => {
    if (!aws || !fleet) return OFFLINE
    const seen = await fleet
    const version = own ? own.launchTemplateVersion : seen.version
    return ami ? examineVersion(aws, seen, version, ami) : notAsked('there is no AMI')
  })
  await add('instances', async () => {
    if (!aws || !fleet) return OFFLINE
    const seen = await fleet
    const version = own ? own.launchTemplateVersion : seen.version
    return examineInstances(aws, seen, {
      ...question,
      version,
      sums: stated?.sums ?? rebuilt.value,
    })
  })
  await add('receipt', () =>
    question.receipt
      ? examineReceipt(question.receipt, trusted, { commit, ami })
      : notAsked('none was given'),
  )
  return links
}

async function findStated(
  { source, commit, statement, arch, trusted }: Question,
  aws: Aws | undefined,
  ami: string | undefined,
): Promise<Stated> {
  if (trusted.length === 0) {
    throw new Stop('no builder is trusted yet: name a file of trusted builders with --trusted')
  }
  if (statement) return statedInFile(statement, commit, trusted)
  if (!aws) return statedInFile(statementPath(source, commit, arch), commit, trusted)
  if (!ami) throw new Stop(`nothing is stated: ${noAmi(commit)}`)
  return await statedOfAmi(aws, ami, commit, trusted)
}

const noAmi = (commit: string): string =>
  `no AMI in this account and region has the tags of release ${shortRelease(commit)}`
