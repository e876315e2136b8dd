import { parseTokenHashes, type Scope } from '../../../src/config/tokens.ts'
import { explain } from '../aws/errors.ts'
import { EXIT, Stop } from '../cli/errors.ts'
import type { Parameters } from './parameters.ts'
import { everywhere } from './reload.ts'
import type { Ops } from './settings.ts'
import type { StoreUser } from './store-user.ts'
import {
  entries,
  expectedFingerprint,
  labelOf,
  type NewToken,
  newPassword,
  newToken,
  show,
} from './tokens.ts'

/**
 * Does `work` while nobody else changes the secrets of the environment. Throws `Stop`, naming who does, unless `takesOver`:
 * whoever was killed leaves the lock behind.
 */
export async function locked(
  parameters: Parameters,
  who: string,
  takesOver: boolean,
  work: () => Promise<void>,
): Promise<void> {
  const lock = `${who}, since ${new Date().toISOString()}`
  if (takesOver) await parameters.replace('secrets-lock', lock)
  else if (!(await parameters.create('secrets-lock', lock))) {
    const other = await parameters.read('secrets-lock')
    throw new Stop(
      `the secrets are being changed (${other ?? 'by somebody who has just ended'}): wait; if that was killed, repeat the command with --take-over, and what it had begun is completed`,
    )
  }
  try {
    await work()
  } finally {
    await parameters.remove('secrets-lock')
  }
}

/** A step, and what is so until it is done. */
interface Step {
  does: string
  until: string
  toGoOn: string
  run(): Promise<void>
}

async function inOrder(ops: Ops, steps: Step[]): Promise<void> {
  for (const [index, { does, until, toGoOn, run }] of steps.entries()) {
    const place = `step ${index + 1} of ${steps.length}`
    ops.note(`${place}: ${does}`)
    try {
      if (ops.signal.aborted) throw new Stop('interrupted', EXIT.interrupted)
      await run()
    } catch (error) {
      const message = error instanceof Stop ? error.message : explain(error)
      throw new Stop(
        `${place}, "${does}", failed: ${message}\nUntil it is done, ${until}. To go on: ${toGoOn}`,
        error instanceof Stop ? error.exitCode : EXIT.failed,
      )
    }
  }
}

/**
 * Replaces the store's password without a failed request: the new one is added, every instance takes it up, the former one
 * is removed. One that was interrupted goes on: the new password is kept until the former one is gone.
 */
export async function rotatePassword(
  ops: Ops,
  parameters: Parameters,
  user: StoreUser,
): Promise<void> {
  const former = await parameters.read('redis-password')
  if (!former) {
    throw new Stop(`${parameters.path('redis-password')} does not exist: run scripts/secrets first`)
  }
  const isNew = await parameters.create('redis-password-next', newPassword())
  const next = await parameters.read('redis-password-next')
  if (!next) throw new Stop(`${parameters.path('redis-password-next')} has just been removed`)
  if (!isNew) ops.note('going on with the password of a rotation that did not end')

  const both = 'the store accepts both passwords and no request fails'
  const toGoOn = 'scripts/secrets rotate password'
  const steps: Omit<Step, 'toGoOn'>[] = [
    {
      does: `${user.engine} accepts the new password beside the former one`,
      until: 'every instance uses the former password',
      run: () => user.setPasswords([former, next]),
    },
    {
      does: 'the new password is where instances read it',
      until: both,
      run: () => parameters.replace('redis-password', next),
    },
    {
      does: 'every instance uses it',
      until: both,
      run: async () => await everywhere(ops, await expectedFingerprint(parameters)),
    },
    {
      does: 'the former password is removed',
      until: 'every instance uses the new password, and the former one is accepted, too',
      run: () => user.setPasswords([next]),
    },
    {
      does: 'the rotation is over',
      until: `the former password is refused, and only ${parameters.path('redis-password-next')} is left to be removed`,
      run: () => parameters.remove('redis-password-next'),
    },
  ]
  // Which the former one was is not known any more, nor needed.
  const left = former === next ? steps.slice(2) : steps
  await inOrder(
    ops,
    left.map((step) => ({ ...step, toGoOn })),
  )
  ops.print(`${user.engine} refuses the former password from now on`)
}

/**
 * Gives each token, or the one labelled `label`, a successor, which every instance then knows. Without `handover` the
 * successors are printed, and the former ones remain. With it, that program is run for each with the new label, and the new
 * token on its standard input; after all have succeeded, the former tokens are revoked, and every instance refuses them.
 */
export async function rotateTokens(
  ops: Ops,
  parameters: Parameters,
  { label, handover }: { label: string | undefined; handover: string | undefined },
): Promise<void> {
  const all = await entries(parameters)
  const former = all.filter((entry) => label === undefined || labelOf(entry) === label)
  if (former.length === 0) throw new Stop(`no token is labelled ${label}; --list shows them`)
  const labels = all.map(labelOf)
  const made = former.map((entry) => {
    const successor = nextLabel(entry)
    if (labels.includes(successor)) {
      throw new Stop(
        `${successor} exists already: a rotation was begun. Once callers have it, revoke its predecessor (${hashOf(entry)}); if nobody has it, revoke it (${all.filter((each) => labelOf(each) === successor).map(hashOf)}) and rotate again`,
      )
    }
    return newToken(entry.split(':')[0] as Scope, successor)
  })
  const names = former.map((entry) => labelOf(entry) ?? hashOf(entry)).join(', ')
  const successors = made.map((each) => each.label).join(', ')
  const revoke = former.map((entry) => `scripts/secrets --revoke-token ${hashOf(entry)}`).join('; ')
  const toGoOn = `give callers the tokens that are printed here, if any, then ${revoke}`
  let unseen: NewToken[] = []
  const steps: Step[] = [
    {
      does: `${successors} beside ${names}`,
      until: 'only the former tokens are known',
      toGoOn: 'scripts/secrets rotate tokens',
      async run() {
        await parameters.replace('tokens', [...all, ...made.map(({ entry }) => entry)].join())
        unseen = made
      },
    },
    {
      does: 'every instance knows them',
      until: 'the former tokens are accepted everywhere, the new ones by some instances',
      toGoOn,
      run: async () => await everywhere(ops, await expectedFingerprint(parameters)),
    },
  ]
  if (handover !== undefined) {
    steps.push(
      {
        does: `${handover} hands them over`,
        until: 'former and new tokens are accepted everywhere',
        toGoOn,
        async run() {
          for (const each of made) {
            await handOver(handover, each)
            unseen = unseen.filter((other) => other !== each)
          }
        },
      },
      {
        does: `${names} revoked`,
        until: 'former and new tokens are accepted everywhere',
        toGoOn: revoke,
        async run() {
          const left = (await entries(parameters)).filter((entry) => !former.includes(entry))
          await parameters.replace('tokens', left.join())
        },
      },
      {
        does: 'every instance refuses them',
        until: 'some instances accept the former tokens, for five minutes at most',
        toGoOn: "scripts/ops reload --reason 'tokens revoked'",
        run: async () => await everywhere(ops, await expectedFingerprint(parameters)),
      },
    )
  }
  try {
    await inOrder(ops, steps)
  } finally {
    // They are kept nowhere.
    unseen.forEach(show)
  }
  ops.print(
    handover === undefined
      ? `every instance knows them, and ${names} too. Once callers have them: ${revoke}`
      : `every instance refuses ${names} from now on`,
  )
}

/** `ci` is followed by `ci.2`, and that by `ci.3`. One without a label is named after its scope. */
function nextLabel(entry: string): string {
  const label = labelOf(entry) ?? entry.split(':')[0] ?? ''
  const [, stem = label, number = '1'] = /^(.*)\.(\d+)$/.exec(label) ?? []
  return `${stem.slice(0, 56)}.${Number(number) + 1}`
}

const HASH_DIGITS = 12

const hashOf = (entry: string): string =>
  parseTokenHashes(entry)?.[0]?.sha256.toString('hex').slice(0, HASH_DIGITS) ?? entry

async function handOver(program: string, { label, token }: NewToken): Promise<void> {
  const child = Bun.spawn([program, label], {
    stdin: new Blob([token]),
    stdout: 'inherit',
    stderr: 'inherit',
  })
  const code = await child.exited
  if (code !== 0) throw new Stop(`it exited with ${code} for ${label}`, EXIT.failed)
}
