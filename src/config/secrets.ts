import { readFileSync } from 'node:fs'

const SHOWN_CHARS = 200

/** `text` as an error or a log line may show it: short, and without what may be the password in a URL. */
export function shown(text: string): string {
  return text.replace(/^.*@|\?.*$/gs, '…').slice(0, SHOWN_CHARS)
}

/**
 * Resolves `reference`: a literal value, the content of a file (`file:/path`, such as a systemd credential), or a
 * decrypted parameter of the SSM Parameter Store (`ssm:/name`), both without white space around it. Error messages never
 * contain the value.
 */
export async function resolveSecret(
  reference: string,
  region: string | undefined,
): Promise<string> {
  const [, scheme, place = ''] = /^(file|ssm):(.*)$/s.exec(reference) ?? []
  if (!scheme) return reference
  const read = scheme === 'file' ? readSecretFile(place) : await readParameter(place, region)
  const secret = read.trim()
  if (secret === '') throw new Error(`${reference} is empty`)
  return secret
}

function readSecretFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
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
    return Parameter?.Value ?? ''
  } catch (error) {
    const { name: code, message } = error as Error
    throw new Error(
      `cannot read the SSM parameter ${name}: ${code === 'Error' ? message : `${code}: ${message}`}`,
    )
  } finally {
    client.destroy()
  }
}
