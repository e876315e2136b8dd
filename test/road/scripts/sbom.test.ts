import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Spec, Validation } from '@cyclonedx/cyclonedx-library'
import { dependencies, devDependencies, name as service } from '../../../package.json'
import type { Arch } from '../../../scripts/lib/fleet/images.ts'
import { lockedMaterials } from '../../../scripts/lib/image/artifacts.ts'
import { root } from '../../../scripts/lib/service.ts'
import { run } from '../../lab/support/command.ts'
import { executable, runExecutable } from '../../lab/support/executable.ts'

interface Bill {
  serialNumber: string
  metadata: { timestamp: string; component: { name: string; version: string; 'bom-ref': string } }
  components: {
    group?: string
    name: string
    version: string
    purl: string
    hashes: { alg: string; content: string }[]
    licenses: ({ license: { id: string } } | { expression: string })[]
  }[]
  dependencies: { ref: string; dependsOn?: string[] }[]
}

const text = readFileSync(`${executable}.cdx.json`, 'utf8')
const bill = JSON.parse(text) as Bill
const fullName = ({ group, name }: Bill['components'][number]) =>
  group ? `${group}/${name}` : name

describe('the bill of materials', () => {
  test('is printed by the executable as it is beside it', async () => {
    expect(await runExecutable(['sbom'])).toMatchObject({ code: 0, out: text, err: '' })
  })

  test('is valid CycloneDX 1.6', async () => {
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6)
    expect(await validator.validate(text)).toBeNull()
    expect(await validator.validate(text.replace('"SHA-512"', '"SHA-5"'))).not.toBeNull()
  })

  test('is of the release, with the commit time and nothing random', async () => {
    const { out } = await runExecutable(['--version'])
    const [, release, builtAt] = /^\S+ (\S+) built (\S+)Z bun/.exec(out) ?? []
    expect(bill.metadata.component).toMatchObject({ name: service, version: release as string })
    expect(bill.metadata.timestamp).toBe(`${builtAt}.000Z`)
    // Version 5: derived from a name.
    expect(bill.serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5/)
  })

  test('says that the service uses its dependencies and Bun, and no development dependency', () => {
    const own = bill.dependencies.find(({ ref }) => ref === bill.metadata.component['bom-ref'])
    const wanted = Object.entries(dependencies).map(
      ([name, version]) => `pkg:npm/${name.replace('@', '%40')}@${version}`,
    )
    expect(own?.dependsOn).toEqual([...wanted, `pkg:npm/bun@${Bun.version}`].sort())
    for (const name of Object.keys(devDependencies)) {
      expect(bill.components.map(fullName)).not.toContain(name)
    }
  })

  test('has the checksum that bun.lock has for each package, and that bun.sha256 has for Bun', async () => {
    const lock = readFileSync(join(root, 'bun.lock'), 'utf8')
    const arch = (process.env.TEST_ARCH || process.arch) as Arch
    const [, bun] = await lockedMaterials(arch, (path) => readFileSync(join(root, path)))
    for (const component of bill.components) {
      const [hash] = component.hashes
      if (component.name === 'bun') {
        expect(hash).toEqual({ alg: 'SHA-256', content: bun?.sha256 as string })
        continue
      }
      expect(hash?.alg).toBe('SHA-512')
      const base64 = Buffer.from(hash?.content ?? '', 'hex').toString('base64')
      expect(lock).toMatch(
        new RegExp(
          `\\["${fullName(component)}@${component.version}".* "sha512-${RegExp.escape(base64)}"\\]`,
        ),
      )
    }
  })

  test('names a licence for everything, whose text the executable prints', async () => {
    const { out, code } = await runExecutable(['licenses'])
    expect(code).toBe(0)
    for (const component of bill.components) {
      const [license] = component.licenses
      if (!license) throw new Error(`${component.purl} has no licence`)
      const id = 'license' in license ? license.license.id : license.expression
      const entry = `${fullName(component)} ${component.version}`
      expect(out).toContain(`${entry}: ${id}\n`)
      expect(out).toContain(`\n${entry} (${id})\n`)
    }
    for (const title of ['Apache License', 'MIT License', 'GNU LIBRARY GENERAL PUBLIC LICENSE']) {
      expect(out).toContain(title)
    }
    // Of a library that is compiled into swagger-ui-bundle.js.
    expect(out).toContain('Jed Watson')
  })

  test('is not there when run from source, which is said', async () => {
    const ran = await run([process.execPath, 'src/main.ts', 'sbom'], { cwd: root })
    expect(ran.code).toBe(1)
    expect(ran.out).toBe('')
    expect(ran.err).toBe(
      `${service}: run from source: only what scripts/build makes contains sbom.cdx.json\n`,
    )
  })
})
