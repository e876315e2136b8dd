import { expect, test } from 'bun:test'
import { name } from '../../../package.json'
import { resolveSecret } from '../../../src/config/secrets.ts'
import { startParameterStore } from '../../lab/support/parameter-store.ts'

function useEnvironment(values: Record<string, string>): Disposable {
  const before = Object.keys(values).map((name) => [name, process.env[name]] as const)
  Object.assign(process.env, values)
  return {
    [Symbol.dispose]() {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      }
    },
  }
}

test('ssm: reads a SecureString, and says which parameter it could not read', async () => {
  await using server = startParameterStore({ [`/${name}/test/tokens`]: 'the secret' })
  using _ = useEnvironment({
    AWS_ENDPOINT_URL: String(server.url),
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  })
  expect(await resolveSecret(`ssm:/${name}/test/tokens`, 'eu-west-1')).toBe('the secret')
  expect(resolveSecret(`ssm:/${name}/test/none`, 'eu-west-1')).rejects.toThrow(
    `cannot read the SSM parameter /${name}/test/none: ParameterNotFound`,
  )
})

test('white space around a secret in a parameter is not part of it, as in a file', async () => {
  await using server = startParameterStore({ '/one': 'the secret\n', '/blank': '\n' })
  using _ = useEnvironment({
    AWS_ENDPOINT_URL: String(server.url),
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  })
  expect(await resolveSecret('ssm:/one', 'eu-west-1')).toBe('the secret')
  expect(resolveSecret('ssm:/blank', 'eu-west-1')).rejects.toThrow('ssm:/blank is empty')
})

test('anything else is the secret itself', async () => {
  expect(await resolveSecret('plain', undefined)).toBe('plain')
})
