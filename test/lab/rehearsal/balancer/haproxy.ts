import { connect } from 'node:net'

const ANSWER_TIMEOUT_MS = 5_000

/** Runs a command of HAProxy's runtime API, and returns its output. */
export function tell(socketPath: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(socketPath, () => socket.write(`${command}\n`))
    socket.setTimeout(ANSWER_TIMEOUT_MS, () =>
      socket.destroy(new Error(`haproxy did not answer '${command}'`)),
    )
    socket.on('data', (data) => {
      answer += data
    })
    socket.on('end', () => resolve(answer))
    socket.on('error', reject)
  })
}

export type Row = Record<string, string | undefined>

/** The rows under a header line that starts with `# `. */
export function rows(text: string, separator: string): Row[] {
  const [header = '', ...lines] = text.trim().split('\n')
  const names = header.replace(/^# /, '').split(separator)
  return lines
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const cells = line.split(separator)
      return Object.fromEntries(names.map((name, index) => [name, cells[index]]))
    })
}
