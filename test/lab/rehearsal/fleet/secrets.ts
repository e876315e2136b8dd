import { service } from '../../../../scripts/lib/service.ts'
import { accountOf } from '../../aws-double/account.ts'
import type { ControlPlane } from '../../aws-double/control-plane.ts'
import { accessKeyOf } from '../../iam/roles.ts'
import { HOST_ADDRESS } from '../names.ts'
import type { RedisStore } from './store.ts'

/** Where the double answers instances; its usual address only this machine reaches. */
export const AWS_PORT = 4566

export const FIRST_PASSWORD = 'the-first-password-of-the-rehearsal'

const at = (name: string) => `/${service.name}/rehearsal/${name}`

/** The service's settings for secrets that are in the Parameter Store, as in production. */
export const SECRET_SETTINGS = {
  TOKENS: `ssm:${at('tokens')}`,
  REDIS_USERNAME: service.name,
  REDIS_PASSWORD: `ssm:${at('redis-password')}`,
  AWS_ENDPOINT_URL: `http://${HOST_ADDRESS}:${AWS_PORT}`,
  AWS_ACCESS_KEY_ID: accessKeyOf('instance'),
  AWS_SECRET_ACCESS_KEY: 'rehearsal',
}

/** Puts the secrets there, and has the store do what AWS is told about its user. */
export async function keepSecrets(
  plane: ControlPlane,
  store: RedisStore,
  tokens: string,
): Promise<void> {
  const { values, store: told } = accountOf(plane)
  values.set(at('tokens'), tokens)
  values.set(at('redis-password'), FIRST_PASSWORD)
  const user = (...rules: string[]) => store.ask('acl', 'setuser', service.name, ...rules)
  await user('on', `>${FIRST_PASSWORD}`, `~${service.name}:*`, '+@all')
  if (told)
    told.takeUp = async (passwords) => {
      await user('resetpass', ...passwords.map((password) => `>${password}`))
    }
}
