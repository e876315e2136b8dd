import type { KeyObject } from 'node:crypto'
import type { Aws } from '../aws/clients.ts'
import { Stop } from '../cli/errors.ts'
import { shortRelease } from '../cli/format.ts'
import { type Fleet, FleetWatch } from '../fleet/fleet.ts'
import { ARCHITECTURES } from '../fleet/images.ts'
import { type Attested, statementIn, statementOf } from '../provenance/attested.ts'
import { statementPaths } from '../provenance/statement.ts'
import type { TrustedBuilder } from '../provenance/trust.ts'
import type { Unverified } from '../receipt/signed.ts'
import { type Build, type BuildQuestion, examineBuild } from './build.ts'
import { type Finding, notAsked, problem } from './finding.ts'
import { examineInstances, examineVersion, imageOf } from './fleet.ts'
import { examineAmi, examineAmiOffline, examineFolder, findAmi } from './image.ts'
import { type Link, linksOf } from './link.ts'
import { examineReceipt } from './receipt.ts'

export interface Question extends BuildQuestion {
  receipt: Unverified | undefined
  trusted: TrustedBuilder[]
  /** Of those whose receipts are believed. */
  receiptKeys: KeyObject[]
  /** A file; undefined: AWS and GitHub are asked, or without AWS what scripts/bake left in `source` is read. */
  statement: string | undefined
  /** An image directory of scripts/bake --local. */
  folder: string | undefined
  group: string
  pollMs: number
  timeoutMs: number
}

const OFFLINE = notAsked('--offline')

/**
 * Examines each link from the commit to the receipt. Without `aws`, nothing is asked of AWS; with it, throws when AWS does
 * not even tell the AMIs.
 */
export async function examineChain(question: Question, aws: Aws | undefined): Promise<Link[]> {
  const { commit, folder, receipt, receiptKeys, group } = question
  // A receipt of another release is about another image.
  const own = receipt?.content.release === commit ? receipt.content : undefined
  const fleet = aws && new FleetWatch(aws, group).snapshot()
  // It rejects for whoever awaits it, perhaps much later.
  fleet?.catch(() => {})
  const ami = own?.ami ?? (aws && fleet && (await findServed(aws, fleet, commit)))
  const build = await examineBuild(question, () => findStatement(question, aws, ami))
  const { stated } = build

  const links = [
    ...build.links,
    ...(await linksOf('image', () => {
      if (aws) return ami ? examineAmi(aws, ami, commit, stated) : problem(noAmi(commit))
      return ami && stated ? examineAmiOffline(ami, stated) : OFFLINE
    })),
  ]
  if (folder) {
    const examine = () => (stated ? examineFolder(folder, stated) : notAsked('nothing is stated'))
    links.push(...(await linksOf('image folder', examine)))
  }
  if (aws && fleet) {
    const version = own
      ? own.launchTemplateVersion
      : (await fleet.catch(() => undefined))?.templateVersion
    links.push(...(await examineFleet(question, { aws, fleet, version, ami, build })))
  } else {
    links.push({ name: 'launch template', ...OFFLINE }, { name: 'instances', ...OFFLINE })
  }
  const examine = () =>
    receipt
      ? examineReceipt(receipt, receiptKeys, { commit, ami, group })
      : notAsked('none was given')
  return [...links, ...(await linksOf('receipt', examine))]
}

/** The AMI of the commit: the one that the group launches, if it has others, too. */
async function findServed(
  aws: Aws,
  fleet: Promise<Fleet>,
  commit: string,
): Promise<string | undefined> {
  const launched = await fleet
    .then((seen) => imageOf(aws, seen, seen.templateVersion))
    .catch(() => undefined)
  return await findAmi(aws, commit, launched)
}

interface Deployed {
  aws: Aws
  fleet: Promise<Fleet>
  version: number | undefined
  ami: string | undefined
  build: Build
}

async function examineFleet(
  question: Question,
  { aws, fleet, version, ami, build }: Deployed,
): Promise<Link[]> {
  return [
    ...(await linksOf('launch template', async () =>
      ami ? await examineVersion(aws, await fleet, version, ami) : notAsked('there is no AMI'),
    )),
    ...(await linksOf('instances', async () =>
      examineInstances(aws, await fleet, { ...question, version, sums: build.sums }),
    )),
  ]
}

async function findStatement(
  { source, commit, statement, arch, trusted }: Question,
  aws: Aws | undefined,
  ami: string | undefined,
): Promise<Attested | Finding> {
  if (trusted.length === 0) {
    const none = 'no builder is trusted yet: name a file of trusted builders with --trusted'
    return aws || statement ? problem(none) : notAsked(none)
  }
  if (statement) return statementIn(statement, commit, trusted)
  if (!aws) {
    const [path, other] = statementPaths(source, commit, arch)
    if (other)
      throw new Stop(
        `there are statements for ${ARCHITECTURES.join(' and ')}: say which with --arch`,
      )
    return path
      ? statementIn(path, commit, trusted)
      : notAsked(`there is none in ${source}/dist/provenance: name one with --statement`)
  }
  if (!ami) throw new Stop(`nothing is stated: ${noAmi(commit)}`)
  const image = {
    ami_id: ami,
    release: commit,
    arch: undefined,
    executable: undefined,
    sbom: undefined,
  }
  return await statementOf(aws, image, trusted)
}

const noAmi = (commit: string): string =>
  `no AMI in this account and region has the tags of release ${shortRelease(commit)}`
