import { resolve } from 'node:path'
import { connect } from '../aws/clients.ts'
import { explain } from '../aws/errors.ts'
import { type Command, runCommand } from '../cli/command.ts'
import { EXIT, usageError } from '../cli/errors.ts'
import { shortRelease } from '../cli/format.ts'
import { commitOf } from '../cli/git.ts'
import { flag, number, oneOf, text, under } from '../cli/options.ts'
import { ARCHITECTURES } from '../fleet/images.ts'
import { readReceiptKeys, readTrustedBuilders, TRUSTED_BUILDERS } from '../provenance/trust.ts'
import { readReceipt } from '../receipt/signed.ts'
import { root, service } from '../service.ts'
import { examineChain } from '../verify/chain.ts'
import { chainLines, holds, summary } from '../verify/link.ts'

const options = {
  ...under('what is believed', {
    trusted: {
      ...text('FILE', 'the builders that are trusted, and the keys of receipts', TRUSTED_BUILDERS),
      shownFallback: 'scripts/trusted-builders.json',
    },
    source: {
      ...text('DIR', 'the clone to find the commit in and to build it from', root),
      shownFallback: 'this one',
    },
    branch: text('NAME', 'on which the commit must be (origin/main, or without a remote main)'),
  }),
  ...under('where to look', {
    offline: flag('ask nothing of AWS and GitHub'),
    'no-rebuild': flag('do not build the commit again'),
    statement: text(
      'FILE',
      'the signed statement of the build (the one kept in AWS or on GitHub; with --offline, the one in dist/provenance)',
    ),
    image: text('DIR', 'an image directory of scripts/bake --local, to be examined, too'),
    arch: oneOf('x64|arm64', 'architecture, if the release is built for both', ARCHITECTURES),
    group: text('NAME', `Auto Scaling group (the receipt's, or ${service.name}-production)`),
    region: text('NAME', "AWS region (AWS_REGION, or the profile's)"),
  }),
  ...under('how', {
    json: flag('print the chain as JSON; the lines go to stderr'),
    'poll-seconds': number('time between polls of a command on the instances', 1),
    'timeout-seconds': number('time limit for a command on an instance', 60),
  }),
}

export const command: Command<typeof options> = {
  name: 'verify',
  synopsis: `
usage: scripts/verify RELEASE [options]
       scripts/verify RECEIPT [options]
       scripts/verify RELEASE RECEIPT [options]

Examines the chain from a commit to what runs, a line for each finding, without believing what it can compare:

  commit            is in the clone, on main
  statement         a trusted builder signed that it made executable, bill of materials and image from the commit
  executable, sbom  built from the commit once more, in a clean clone, they are the same bytes
  image             the AMI exists, is the stated one, and its tags say the same
  launch template   its version launches that AMI
  instances         each has installed and runs the stated executable, and answers with the release
  receipt           a trusted key signed what scripts/rollout observed, and that is of this release

A link is ok, WRONG, not asked (on request, or since there is nothing to ask), or unknown (there was no answer).

RELEASE is a commit, tag or branch. RECEIPT is NAME.json of scripts/rollout --receipt, signed in NAME.intoto.json.`,
  explain,
  options,
  examples: [
    ['verify main', 'what is on main, and whether it runs'],
    ['verify receipt.json', 'what a rollout observed'],
    ['verify main --offline', 'commit, statement and bytes, without an account'],
  ],
  notes: 'exit codes: 0 all that was asked is ok, 1 something is wrong or unknown, 2 usage',
  words: 2,
}

function readWords(words: string[]): Record<'release' | 'receipt', string | undefined> {
  const isReceipt = (word: string): boolean => word.endsWith('.json')
  const [receipts, releases] = [words.filter(isReceipt), words.filter((word) => !isReceipt(word))]
  if (words.length === 0) throw usageError('say what to verify: RELEASE, RECEIPT, or both')
  if (receipts.length > 1 || releases.length > 1) {
    throw usageError('give one RELEASE and one RECEIPT at most; a receipt is a file NAME.json')
  }
  return { release: releases[0], receipt: receipts[0]?.replace(/\.intoto\.json$/, '.json') }
}

if (import.meta.main) {
  await runCommand(command, async ({ options, words }) => {
    const { release, receipt: path } = readWords(words)
    const { offline, json, region, pollSeconds, timeoutSeconds, noRebuild } = options
    const source = resolve(options.source)
    const receipt = path ? readReceipt(path) : undefined
    const commit = release ? await commitOf(source, release) : (receipt?.content.release ?? '')
    const question = {
      ...options,
      source,
      commit,
      receipt,
      trusted: readTrustedBuilders(options.trusted),
      receiptKeys: readReceiptKeys(options.trusted),
      rebuilds: !noRebuild,
      folder: options.image,
      group: options.group ?? receipt?.content.group ?? `${service.name}-production`,
      pollMs: pollSeconds * 1000,
      timeoutMs: timeoutSeconds * 1000,
      note: (line: string) => console.error(line),
    }
    const links = await examineChain(question, offline ? undefined : connect(region))
    const stream = json ? process.stderr : process.stdout
    const lines = [`release ${shortRelease(commit)}`, ...chainLines(links, stream), summary(links)]
    stream.write(`${lines.join('\n')}\n`)
    if (json)
      console.log(JSON.stringify({ release: commit, holds: holds(links), links }, undefined, 2))
    return holds(links) ? EXIT.ok : EXIT.refused
  })
}
