import { readFileSync } from 'node:fs'

/**
 * Resolves `reference`: a literal value, the content of a file (`file:/path`, such as a systemd credential), or a
 * decrypted parameter of the SSM Parameter Store (`ssm:/name`). Error messages never contain the value.
 */
export async function resolveSecret(
  reference: string,
  region: string | undefined,
): Promise<string> {
  if (reference.startsWith('file:')) return readSecretFile(reference.slice('file:'.length))
  if (reference.startsWith('ssm:')) return readParameter(reference.slice('ssm:'.length), region)
  return reference
}

function readSecretFile(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw new Error(`cannot read ${path}: ${(error as NodeJS.ErrnoException).code}`)
  }
}

async function readParameter(name: string, region: string | undefined): Promise<string> {
  // Half a megabyte of SDK, loaded only when needed.
  const { GetParameterCommand, SSMClient } = await import('@aws-sdk/client-ssm')
  const client = new SSMClient(region ? { region } : {})
  try {
    const command = new GetParameterCommand({ Name: name, WithDecryption: true })
    const { Parameter } = await client.send(command)
    if (!Parameter?.Value) throw new Error('it is empty')
    return Parameter.Value
  } catch (error) {
    const { name: code, message } = error as Error
    throw new Error(
      `cannot read the SSM parameter ${name}: ${code === 'Error' ? message : `${code}: ${message}`}`,
    )
  } finally {
    client.destroy()
  }
}
