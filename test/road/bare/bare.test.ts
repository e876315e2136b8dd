import { expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { root } from '../../../scripts/lib/service.ts'
import { EXAMPLE } from '../../../src/domain/terms.ts'
import { run } from '../../lab/support/command.ts'
import { freePort } from '../../lab/support/process.ts'

/** The first test makes the Debian system, which takes a minute; each installs what it needs. */
setDefaultTimeout(900_000)

const debian = join(root, 'test/.cache/bare/debian-12')
const DAMAGED = 99

/** Runs `script` in a clone of HEAD on a bare Debian 12 that is discarded afterwards. */
function onBareMachine(script: string) {
  return run([join(import.meta.dir, 'machine.sh'), debian, 'bash', '-euc', script])
}

test('scripts/start serves, and the curl commands of the README work', async () => {
  const readme = await Bun.file(join(root, 'README.md')).text()
  const lines = readme.split('\n').filter((line) => line.startsWith('curl '))
  const port = freePort()
  const { code, out, err } = await onBareMachine(`
    export ADMIN_PORT=0
    set -m # or a Ctrl-C would be ignored in the background
    scripts/start ${port} >/tmp/said &
    set +m
    until grep -qs 'curl .*${EXAMPLE.path}$' /tmp/said; do sleep 0.2; kill -0 $! || wait $!; done
    { apt-get update -qq && apt-get install -y -qq curl; } >/dev/null 2>&1
    ${lines.map((line) => `${line.replaceAll('5000', String(port))} --silent; echo`).join('\n')}
    kill -INT $!
    wait $! || [[ $? == 130 ]]
    rm /tmp/said`)
  expect(`${code} ${err.replace(/^(installing|making) .*\n/gm, '')}`).toBe('0 ')
  const answers = ['HTTP/1.1 204', '{"status":"ok"}', '{"version":"']
  for (const answer of answers) expect(out).toContain(answer)
  expect(lines).toHaveLength(5)
})

test('scripts/test passes parts that install packages and stub commands', async () => {
  const { code, out, err } = await onBareMachine('scripts/test check unit scripts/provision')
  if (code !== 0) console.log(out.slice(-4000), err.slice(-4000))
  expect(out).toMatch(/\n\d{2,} passed, 0 failed, 0 skipped\n$/)
  expect(code).toBe(0)
})

test('scripts/test unpacks a Redis without root, and passes what needs it', async () => {
  // The clone is root's, in root's home.
  const { code, out, err } = await onBareMachine(`
    chmod 755 /root && mkdir -p test/.cache && chown -R nobody .
    setpriv --reuid nobody --regid nogroup --clear-groups \\
      env HOME=/root/repository/test/.cache scripts/test store/sentinel`)
  if (code !== 0) console.log(out.slice(-4000), err.slice(-4000))
  expect(err).toContain('unpacking redis-server ')
  expect(out).toMatch(/\n[1-9]\d* passed, 0 failed, 0 skipped\n$/)
  expect(code).toBe(0)
})

test('an overwritten system command is detected', async () => {
  const { code, err } = await onBareMachine(
    'ln -s /usr/bin/dpkg-query /tmp/link; echo "#!/bin/sh" >/tmp/link',
  )
  expect(code).toBe(DAMAGED)
  expect(err).toContain('/usr/bin/dpkg-query')
  expect(err).toContain('tmp/link')
})
