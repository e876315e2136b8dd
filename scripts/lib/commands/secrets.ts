import { SCOPES } from '../../../src/config/tokens.ts'
import { connect } from '../aws/clients.ts'
import { explain } from '../aws/errors.ts'
import { type Command, runCommand } from '../cli/command.ts'
import { EXIT, usageError } from '../cli/errors.ts'
import { flag, oneOf, parsed, text } from '../cli/options.ts'
import { Parameters } from '../ops/parameters.ts'
import { addToken, listSecrets, makeSecrets, revokeToken } from '../ops/tokens.ts'

const options = {
  'add-token': oneOf('SCOPE', 'add a token with read or write scope', SCOPES),
  'revoke-token': parsed(
    'SHA256',
    'revoke a token, by its hash or the first digits of it, as shown by --list',
    (hash) => (/^[0-9a-f]{4,64}$/.test(hash) ? hash : undefined),
    { wants: '4 to 64 hexadecimal digits' },
  ),
  list: flag('list what exists: names, scopes and hashes, no secrets'),
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
}

export const command: Command<typeof options> = {
  name: 'secrets',
  synopsis: `
usage: scripts/secrets [options]
       scripts/secrets --add-token read|write [options]
       scripts/secrets --revoke-token SHA256 [options]
       scripts/secrets --list [options]

Creates an environment's missing secrets in the SSM Parameter Store: the password of the store, and the hashes of two
tokens, which are printed once and kept nowhere. Run it before the first terraform apply; existing secrets are never
replaced.

The service reads tokens at startup: after a change, run scripts/ops restart.`,
  explain,
  options,
  examples: [
    ['secrets', 'before the first apply: create what is missing'],
    ['secrets --add-token read', 'another token'],
    ['secrets --list', 'what there is'],
  ],
  notes: 'exit codes: 0 done, 1 refused, 2 usage',
}

if (import.meta.main) {
  await runCommand(command, async ({ options }) => {
    const { addToken: scope, revokeToken: hash, list, environment = 'production' } = options
    if ([scope !== undefined, hash !== undefined, list].filter(Boolean).length > 1) {
      throw usageError('give only one of --add-token, --revoke-token and --list')
    }
    const parameters = new Parameters(connect(options.region).ssm, environment)
    if (scope !== undefined) await addToken(parameters, scope)
    else if (hash !== undefined) await revokeToken(parameters, hash)
    else if (list) await listSecrets(parameters)
    else await makeSecrets(parameters)
    return EXIT.ok
  })
}
