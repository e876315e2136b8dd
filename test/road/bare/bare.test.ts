import { expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { root } from '../../../scripts/lib/service.ts'
import { freePort } from '../../lab/support/process.ts'

/** The first test makes the Debian system, which takes a minute; each installs what it needs. */
setDefaultTimeout(900_000)

const debian = join(root, 'test/.cache/bare/debian-12')
const DAMAGED = 99

/** Runs `script` in a clone of HEAD on a bare Debian 12 that is discarded afterwards. */
async function onBareMachine(script: string) {
  const machine = join(import.meta.dir, 'machine.sh')
  const child = Bun.spawn([machine, debian, 'bash', '-euc', script], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { exitCode: child.exitCode, stdout, stderr }
}

test('scripts/start serves, and the curl commands of the README work', async () => {
  const readme = await Bun.file(join(root, 'README.md')).text()
  const lines = readme.split('\n').filter((line) => line.startsWith('curl '))
  const port = freePort()
  const { exitCode, stdout, stderr } = await onBareMachine(`
    export ADMIN_PORT=0
    set -m # or a Ctrl-C would be ignored in the background
    scripts/start ${port} >/tmp/said &
    set +m
    until grep -q '/hello/Ada$' /tmp/said; do sleep 0.2; kill -0 $! || wait $!; done
    { apt-get update -qq && apt-get install -y -qq curl; } >/dev/null 2>&1
    ${lines.map((line) => `${line.replaceAll('5000', String(port))} --silent; echo`).join('\n')}
    kill -INT $!
    wait $! || [[ $? == 130 ]]
    rm /tmp/said`)
  expect(`${exitCode} ${stderr.replace(/^(installing|making) .*\n/gm, '')}`).toBe('0 ')
  const answers = ['HTTP/1.1 204', '{"message":"Hello, Ada! ', '{"status":"ok"}', '{"version":"']
  for (const answer of answers) expect(stdout).toContain(answer)
  expect(lines).toHaveLength(5)
})

test('scripts/test passes parts that install packages and stub commands', async () => {
  const { exitCode, stdout, stderr } = await onBareMachine(
    'scripts/test check unit binary/commands',
  )
  if (exitCode !== 0) console.log(stdout.slice(-4000), stderr.slice(-4000))
  expect(stdout).toMatch(/\n\d{2,} passed, 0 failed, 0 skipped\n$/)
  expect(exitCode).toBe(0)
})

test('an overwritten system command is detected', async () => {
  const { exitCode, stderr } = await onBareMachine(
    'ln -s /usr/bin/dpkg-query /tmp/link; echo "#!/bin/sh" >/tmp/link',
  )
  expect(exitCode).toBe(DAMAGED)
  expect(stderr).toContain('/usr/bin/dpkg-query')
  expect(stderr).toContain('tmp/link')
})
