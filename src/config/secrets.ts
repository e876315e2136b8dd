import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

const SHOWN_CHARS = 200

/** Above the certificates of all public authorities together. */
const FILE_MAX_BYTES = 1024 ** 2

/** The SDK would wait for ever. */
const ANSWER_MS = 10_000

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

/**
 * The content of `path`, a regular file of up to a mebibyte: a pipe or a device could be without an end. Throws, with the
 * reason alone.
 */
export function readSmallFile(path: string): Buffer {
  try {
    // Otherwise opening a pipe would wait for its other end.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      if (!fstatSync(file).isFile()) throw new Error('not a regular file')
      const content = Buffer.alloc(FILE_MAX_BYTES + 1)
      const length = readSync(file, content)
      if (length > FILE_MAX_BYTES) throw new Error(`more than ${FILE_MAX_BYTES} bytes`)
      return content.subarray(0, length)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new Error(code ?? message)
  }
}

function readSecretFile(path: string): string {
  try {
    return readSmallFile(path).toString()
  } catch (error) {
    throw new Error(`cannot read ${path}: ${(error as Error).message}`)
  }
}

async function readParameter(name: string, region: string | undefined): Promise<string> {
  // Half a megabyte of SDK, loaded only when needed.
  const { GetParameterCommand, SSMClient } = await import('@aws-sdk/client-ssm')
  const client = new SSMClient(region ? { region } : {})
  const abortSignal = AbortSignal.timeout(ANSWER_MS)
  try {
    const command = new GetParameterCommand({ Name: name, WithDecryption: true })
    const { Parameter } = await client.send(command, { abortSignal })
    return Parameter?.Value ?? ''
  } catch (error) {
    if (abortSignal.aborted)
      throw new Error(
        `cannot read the SSM parameter ${name}: no answer within ${ANSWER_MS / 1000} s`,
      )
    const { name: code, message } = error as Error
    throw new Error(
      `cannot read the SSM parameter ${name}: ${code === 'Error' ? message : `${code}: ${message}`}`,
    )
  } finally {
    client.destroy()
  }
}
