import type { KeyObject } from 'node:crypto'
import { existsSync } from 'node:fs'
import { Stop } from '../cli/errors.ts'
import { readJson } from '../cli/files.ts'
import { shortRelease } from '../cli/format.ts'
import { shortSum } from '../image/artifacts.ts'
import { keyId, opened } from '../receipt/envelope.ts'
import { openReceipt, signedPath, type Unverified } from '../receipt/signed.ts'
import { type Finding, problem, problemsOr } from './finding.ts'

/** Whether a trusted key signed the receipt, as it is, and it says that the release of the chain was shipped. */
export function examineReceipt(
  { path, content }: Unverified,
  keys: KeyObject[],
  { commit, ami, group }: { commit: string; ami: string | undefined; group: string },
): Finding[] {
  const beside = signedPath(path)
  if (!existsSync(beside)) {
    return [problem(`${path} is not signed: there is no ${beside} (scripts/rollout --receipt-key)`)]
  }
  const envelope = readJson(beside)
  if (keys.length === 0) throw new Stop('nobody is trusted with receipts: see --trusted')
  const signed = openReceipt(envelope, keys)
  if (!Bun.deepEquals(signed, content)) {
    return [problem(`${path} was edited: ${beside} says otherwise`)]
  }
  const { verdict, reason, release, observed, probe } = signed
  const problems: string[] = []
  if (release !== commit)
    problems.push(`it is of release ${shortRelease(release)}, not ${shortRelease(commit)}`)
  if (signed.group !== group) problems.push(`it is of the group ${signed.group}, not ${group}`)
  if (ami && signed.ami !== ami) problems.push(`it is about ${signed.ami}, not ${ami}`)
  if (verdict !== 'shipped') problems.push(`its verdict is '${verdict}'${reason && `: ${reason}`}`)
  const seen = observed
    ? `${observed.seen.length} of ${observed.inService} instances answered with the release`
    : 'nothing was observed'
  const requests = probe ? `${probe.requests} requests, ${probe.failed} failed` : 'no probe'
  const { key } = opened(envelope, keys)
  return problemsOr(
    problems,
    `shipped to ${group} at ${signed.endedAt}: ${seen}, ${requests} (key ${shortSum(keyId(key))})`,
  )
}
