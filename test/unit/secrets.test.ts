import { expect, test } from 'bun:test'
import { name } from '../../package.json'
import { resolveSecret } from '../../src/config/secrets.ts'

/** Answers as the Parameter Store does (AWS JSON 1.1), for `parameters`. */
function startParameterStore(parameters: Record<string, string>) {
  return Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const { Name, WithDecryption } = (await request.json()) as {
        Name: string
        WithDecryption: boolean
      }
      const value = parameters[Name]
      return value && WithDecryption
        ? Response.json({ Parameter: { Name, Type: 'SecureString', Value: value } })
        : Response.json(
            { __type: 'ParameterNotFound', message: `Parameter ${Name} not found.` },
            { status: 400 },
          )
    },
  })
}

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

test('anything else is the secret itself', async () => {
  expect(await resolveSecret('plain', undefined)).toBe('plain')
})
