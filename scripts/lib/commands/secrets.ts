import { LABEL, SCOPES } from '../../../src/config/tokens.ts'
import { callerName } from '../aws/caller.ts'
import { connect } from '../aws/clients.ts'
import { explain } from '../aws/errors.ts'
import { commentFor } from '../aws/ssm.ts'
import { type Command, interruption, runCommand } from '../cli/command.ts'
import { EXIT, usageError } from '../cli/errors.ts'
import { flag, number, oneOf, parsed, text } from '../cli/options.ts'
import { FleetWatch } from '../fleet/fleet.ts'
import { Parameters } from '../ops/parameters.ts'
import { locked, rotatePassword, rotateTokens } from '../ops/rotate.ts'
import { findStoreUser } from '../ops/store-user.ts'
import { addToken, listSecrets, makeSecrets, revokeToken } from '../ops/tokens.ts'
import { service } from '../service.ts'

const options = {
  'add-token': oneOf('SCOPE', 'add a token with read or write scope', SCOPES),
  'revoke-token': parsed(
    'TOKEN',
    'revoke a token: the token itself, or its hash or the first digits of that, as shown by --list',
    (text) => (/^[0-9a-f]{4,64}$|^\w+_[\w-]{43}$/.test(text) ? text : undefined),
    { wants: 'a token, or 4 to 64 hexadecimal digits of its hash' },
  ),
  label: parsed(
    'NAME',
    'what the log calls the new token; of rotate tokens, the one to rotate',
    (text) => (LABEL.pattern.test(text) ? text : undefined),
    { wants: LABEL.wants, shown: 'the scope; all' },
  ),
  handover: text(
    'PROGRAM',
    'of rotate tokens: run with the label, and the new token on standard input; then the former token is revoked',
  ),
  list: flag('list what exists: names, scopes, hashes, labels and dates, no secrets'),
  'take-over': flag('go on where a command that was killed has left the secrets locked'),
  environment: {
    ...parsed(
      'NAME',
      'environment, as in Terraform',
      (name) => (/^[a-z][a-z0-9-]{0,18}[a-z0-9]$/.test(name) ? name : undefined),
      { wants: 'lower-case letters, digits and hyphens', shown: 'production' },
    ),
    fallback: 'production',
  },
  region: text('NAME', "AWS region (AWS_REGION, or the profile's)"),
  'poll-seconds': number('time between looks at the store and the instances', 1),
  'timeout-seconds': number('time limit for the store, and for the instances, in each step', 600),
}

export const command: Command<typeof options> = {
  name: 'secrets',
  synopsis: `
usage: scripts/secrets [options]
       scripts/secrets --add-token read|write [--label NAME] [options]
       scripts/secrets --revoke-token TOKEN [options]
       scripts/secrets --list [options]
       scripts/secrets rotate password [options]
       scripts/secrets rotate tokens [--label NAME] [--handover PROGRAM] [options]

Creates an environment's missing secrets in the SSM Parameter Store: the password of the store, and the hashes of two
tokens, which are printed once and kept nowhere. Run it before the first terraform apply; existing secrets are never
replaced.

rotate replaces them while the service serves, without a failed request: the new one is added, every instance says that it
uses it, and only then the former one is removed. It says each step; one that failed says what is so now and how to go on.`,
  explain,
  options,
  examples: [
    ['secrets', 'before the first apply: create what is missing'],
    ['secrets --add-token read --label shop', 'another token'],
    ['secrets --list', 'what there is'],
    [
      'secrets rotate password',
      "another password of the store, which every instance's connections use",
    ],
    ['secrets rotate tokens --label shop', 'its successor, shop.2'],
  ],
  notes:
    'exit codes: 0 done, 1 refused, 2 usage, 4 failed at a step, 5 timed out at a step, 130 interrupted',
  words: 2,
}

if (import.meta.main) {
  await runCommand(command, async ({ options, words }) => {
    const { addToken: scope, revokeToken: named, label, list, environment = 'production' } = options
    const rotates = rotation(words)
    const chosen = [scope !== undefined, named !== undefined, list, rotates !== undefined]
    if (chosen.filter(Boolean).length > 1) {
      throw usageError('give only one of --add-token, --revoke-token, --list and rotate')
    }
    const aws = connect(options.region)
    const parameters = new Parameters(aws.ssm, environment)
    const change = async (what: string, work: () => Promise<void>): Promise<void> =>
      await locked(parameters, `${what} by ${await callerName(aws)}`, options.takeOver, work)
    if (scope !== undefined) {
      await change('--add-token', () => addToken(parameters, scope, label ?? scope))
    } else if (named !== undefined) {
      await change('--revoke-token', () => revokeToken(parameters, named))
    } else if (list) await listSecrets(parameters)
    else if (rotates === undefined) await makeSecrets(parameters)
    else {
      const group = `${service.name}-${environment}`
      const ops = {
        aws,
        watch: new FleetWatch(aws, group),
        group,
        comment: await commentFor(aws, 'reload', `rotate ${rotates}`),
        pollMs: options.pollSeconds * 1000,
        followMs: 0,
        timeoutMs: options.timeoutSeconds * 1000,
        signal: interruption(),
        print: (line: string) => console.log(line),
        note: (line: string) => console.error(line),
        warn: (line: string) => console.error(line),
      }
      await change(`rotate ${rotates}`, async () => {
        if (rotates === 'tokens') return await rotateTokens(ops, parameters, options)
        await rotatePassword(ops, parameters, await findStoreUser(ops, options.region))
      })
    }
    return EXIT.ok
  })
}

function rotation([word, what, ...more]: string[]): 'password' | 'tokens' | undefined {
  if (word === undefined) return undefined
  if (word !== 'rotate') throw usageError(`expected rotate or an option, got '${word}'`)
  if ((what === 'password' || what === 'tokens') && more.length === 0) return what
  throw usageError(`rotate needs password or tokens, got '${what ?? ''}'`)
}
