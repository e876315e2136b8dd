import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { CHECKS } from '../../../scripts/lib/doctor/examine.ts'
import { Report } from '../../../scripts/lib/doctor/report.ts'
import { root } from '../../../scripts/lib/service.ts'
import { denied, expired, type Fault, throttled } from '../../lab/aws-double/faults.ts'
import type { Ran } from '../../lab/support/command.ts'
import { useWard, ward } from './fixtures/environment.ts'
import { GROUP } from './fixtures/scene.ts'
import { PATIENCE_MS, runScript } from './fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

useWard()

const doctor = async (args: string[] = [], extra: Record<string, string> = {}): Promise<Ran> =>
  await runScript('doctor', ['--no-plan', ...args], {
    ...ward.scene.env,
    AWS_MAX_ATTEMPTS: '2',
    ...extra,
  })

const names = Object.keys(CHECKS).filter((name) => name !== 'plan')

describe('doctor', () => {
  test('says in a line for each check that all is well, and exits with 0', async () => {
    const { code, out, err } = await doctor()
    expect(err).toBe('')
    expect(code).toBe(0)
    const lines = out.trimEnd().split('\n')
    const last = lines.pop()
    expect(last).toBe(`${lines.length} ok`)
    const heads = lines.map((line) => line.split(/ +/, 2).join(' '))
    expect([...new Set(heads)]).toEqual(names.map((name) => `ok ${name}`))
  })

  test('says what is wrong and what to do, and exits with 1', async () => {
    ward.account.endpoints.pop()
    const { code, out } = await doctor()
    expect(out).toMatch(
      /^problem {2}endpoints +vpc-\w+ has no endpoint for logs: run terraform apply, which creates it$/m,
    )
    expect(out).toEndWith(' ok, 1 problem\n')
    expect(code).toBe(1)
  })

  test('prints JSON for machines with --json, and the lines on stderr', async () => {
    ward.account.subscriptions = []
    const { code, out, err } = await doctor(['--json'])
    expect(code).toBe(1)
    const { group, isWell, results } = JSON.parse(out)
    expect([group, isWell]).toEqual([GROUP, false])
    const problems = results.filter(({ counts }: { counts: boolean }) => counts)
    expect(problems).toEqual([
      {
        check: 'notifications',
        status: 'problem',
        text: expect.stringContaining('nobody has subscribed'),
        todo: expect.stringContaining('alarm_email'),
        counts: true,
      },
    ])
    expect(err).toContain('problem  notifications')
  })

  test('wraps a line on a terminal, and shows what is still waited for until it is there', () => {
    let written = ''
    const write = (text: string) => {
      written += text
      return true
    }
    const report = new Report({ isTTY: true, columns: 60, write } as unknown as NodeJS.WriteStream)
    report.wait(['store', 'plan'])
    expect(stripVTControlCharacters(written)).toBe('waiting for store, plan')
    written = ''
    const text = 'terraform plan would change 1 resource:\nterraform_data.store, update of input'
    report.show([{ check: 'plan', status: 'problem', text, todo: 'apply', counts: true }])
    expect(written).toStartWith('\r\x1b[2K')
    expect(stripVTControlCharacters(written).trimStart().split('\n')).toEqual([
      'problem  plan           terraform plan would change 1',
      '                        resource: terraform_data.store,',
      '                        update of input: apply',
      '',
    ])
  })

  test('reads only, and only what the role of a plan may read', async () => {
    ward.scene.double.calls.length = 0
    await doctor()
    const policy = readFileSync(join(root, 'terraform/bootstrap/plan.tf'), 'utf8')
    const called = [...new Set(ward.scene.double.calls)]
    expect(called.length).toBeGreaterThan(20)
    for (const action of called) {
      expect(action).toMatch(/^(Describe|Filter|Get|List)/)
      expect(policy).toMatch(new RegExp(`"[a-z0-9-]+:${action}"`))
    }
  })

  test.each<[string, RegExp, Fault, string]>([
    ['denied', /^ListSubscriptions/, denied('sns:ListSubscriptionsByTopic'), 'AWS denied access'],
    ['throttled', /^ListSubscriptions/, throttled, 'AWS is throttling'],
    ['dropped', /^ListSubscriptions/, { kind: 'drop' }, 'AWS cannot be reached'],
    ['never answered', /^ListSubscriptions/, { kind: 'hang' }, 'no answer within 2 s'],
  ])('goes on when a call is %s, and takes that for no problem', async (_, action, fault, text) => {
    ward.scene.double.faults.add(action, fault)
    const { code, out, err } = await doctor(['--timeout-seconds', '2'])
    expect(out).toMatch(new RegExp(`^unknown {2}notifications +${text}`, 'm'))
    expect(out).toEndWith(' ok, 1 unknown\n')
    expect(err).toBe('')
    expect(code).toBe(0)
  })

  test('exits with 1 when nobody knows whether a rollback could start', async () => {
    ward.scene.double.faults.add(/^DescribeInstanceRefreshes$/, denied('autoscaling:…'))
    const { code, out } = await doctor()
    expect(out).toMatch(/^unknown {2}rollback +AWS denied access: /m)
    expect(out).toMatch(/^ok {7}pipelines /m)
    expect(code).toBe(1)
  })

  test('never prints a stack trace, whatever AWS answers', async () => {
    const nonsense: Fault = { kind: 'error', code: 'InternalFailure', message: '', status: 500 }
    ward.scene.double.faults.add(/./, nonsense)
    const { code, out, err } = await doctor()
    expect(code).toBe(1)
    expect(out + err).not.toMatch(/\n +at /)
    expect(out.match(/^unknown /gm)).toHaveLength(names.length)
  })

  test.each([
    ['there is no such group', ['--group', 'nothing-here'], {}, /there is no Auto Scaling group/],
    ['AWS is not there', [], { AWS_ENDPOINT_URL: 'http://127.0.0.1:9' }, /AWS cannot be reached/],
  ])('stops with one sentence when %s', async (_, args, env, message) => {
    const { code, out, err } = await doctor(args, env as Record<string, string>)
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(message)
    expect(err.trimEnd()).not.toContain('\n')
  })

  test('stops with one sentence when the credentials have expired', async () => {
    ward.scene.double.faults.add(/./, expired)
    const { code, err } = await doctor()
    expect(code).toBe(1)
    expect(err).toMatch(/^doctor: The AWS credentials have expired/)
  })

  test.each([
    [['now'], "takes no arguments, got 'now'"],
    [
      ['--url', 'example.com'],
      "--url needs a URL without a path, such as https://example.com, got 'example.com'",
    ],
    [['--timeout-seconds', 'x'], '--timeout-seconds needs a number from 0 to'],
  ])('%j exits with 2 and one line that says why', async (args, message) => {
    const { code, err } = await doctor(args)
    expect(code).toBe(2)
    expect(err).toContain(message)
    expect(err).toEndWith(' (scripts/doctor --help)\n')
  })
})
