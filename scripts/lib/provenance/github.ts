import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { Stop } from '../cli/errors.ts'
import { oneLine } from '../cli/format.ts'
import { PREDICATE_TYPE } from './statement.ts'

const LIMIT_MS = 60_000

/** As `gh attestation verify --format json` prints: AttestationProcessingResult in cli/cli, and sigstore-go's result. */
const Results = z
  .array(z.object({ verificationResult: z.object({ statement: z.unknown() }) }))
  .min(1)

/**
 * The statement about an AMI that GitHub keeps for `repository` (OWNER/NAME) and that `gh` has verified: signed on a
 * runner of GitHub's by `workflow`, a URI with its branch, in a run of that branch. Throws `Stop` when there is none.
 */
export async function attestation(
  ami: string,
  workflow: string,
  repository: string,
): Promise<unknown> {
  if (!Bun.which('gh', { PATH: process.env.PATH ?? '' })) {
    throw new Stop(
      'gh is not installed, which verifies attestations of GitHub: https://cli.github.com',
    )
  }
  const folder = mkdtempSync(join(tmpdir(), 'attestation-'))
  try {
    // The subject is an AMI by its id: a file with the id has the same checksum, whatever its name.
    const subject = join(folder, 'subject')
    writeFileSync(subject, ami)
    const child = Bun.spawn(
      [
        ...['gh', 'attestation', 'verify', subject, '--repo', repository],
        ...['--cert-identity', workflow, '--deny-self-hosted-runners'],
        // A workflow of another branch may call this one, and put into its run what it likes.
        ...['--source-ref', workflow.slice(workflow.indexOf('@') + 1)],
        ...['--predicate-type', PREDICATE_TYPE, '--format', 'json'],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], env: process.env, timeout: LIMIT_MS },
    )
    const [out, complaint, code] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ])
    if (child.signalCode) throw new Stop(`gh did not answer within ${LIMIT_MS / 1000} s`)
    if (code !== 0)
      throw new Stop(
        `gh does not verify it: ${oneLine(complaint.trim().replaceAll(/\s*\n\s*/g, '; ')) || 'it does not say why'}`,
      )
    return statementIn(out)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Without an attestation of the type, some versions of gh print nothing and exit with 0. */
function statementIn(out: string): unknown {
  try {
    const [first] = Results.parse(JSON.parse(out))
    return first?.verificationResult.statement
  } catch {
    const printed = oneLine(out).slice(0, 200) || 'nothing'
    throw new Stop(`gh attestation verify printed no verified attestation, but ${printed}`)
  }
}
