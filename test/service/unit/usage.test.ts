import { describe, expect, test } from 'bun:test'
import { parseCommand } from '../../../src/usage.ts'

describe('the command line', () => {
  test.each([
    [[], { verb: 'serve', port: 5000, environment: 'local' }],
    [['8080'], { verb: 'serve', port: 8080, environment: 'local' }],
    [['0', 'production'], { verb: 'serve', port: 0, environment: 'production' }],
    [['healthcheck'], { verb: 'healthcheck', port: 5000, environment: 'local' }],
    [['healthcheck', '81'], { verb: 'healthcheck', port: 81, environment: 'local' }],
    [['token'], { verb: 'token', scope: 'write' }],
    [['token', 'read'], { verb: 'token', scope: 'read' }],
    [['token', 'read', 'ci-2'], { verb: 'token', scope: 'read', label: 'ci-2' }],
    [['export'], { verb: 'export' }],
    [['import', '--from', 'a.1.2'], { verb: 'import', from: 'a.1.2' }],
    [['--help'], { verb: 'help' }],
    [['-h'], { verb: 'help' }],
    [['--version'], { verb: 'version' }],
    [['sbom'], { verb: 'sbom' }],
    [['licenses'], { verb: 'licenses' }],
  ] as const)('parses %j', (words, command) => {
    expect(parseCommand(words)).toMatchObject(command)
  })

  test.each([
    [['65536']],
    [['-1']],
    [['5e3']],
    [['5000', 'Local']],
    [['5000', 'a'.repeat(33)]],
    [['5000', 'local', 'more']],
    [['serve']],
    [['--verbose']],
    [['token', 'admin']],
    [['token', 'write', 'two words']],
    [['token', 'write', 'ci', 'more']],
    [['export', 'all']],
    [['import', '--from']],
    [['import', '--from', 'a', 'more']],
    [['--version', '1']],
    [['sbom', 'json']],
    [['']],
  ])('refuses %j, with what it got and what it expected', (words) => {
    const command = parseCommand(words)
    expect(command).toMatchObject({
      verb: 'usage',
      reason: expect.stringMatching(/^got .*expected/),
    })
  })
})
