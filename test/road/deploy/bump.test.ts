import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { $ } from 'bun'
import { root, service } from '../../../scripts/lib/service.ts'
import type { Ran } from '../../lab/support/command.ts'
import { NEW, NEW_IMAGE, OLD, OLD_IMAGE, type Scene, startScene } from './fixtures/scene.ts'
import { PATIENCE_MS, runScript } from './fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

let scene: Scene
let folder: string
const file = (): string => join(folder, 'release.auto.tfvars.json')

beforeAll(async () => {
  scene = await startScene({ role: 'plan', instances: 0 })
})
afterAll(async () => await scene.stop())
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bump-test-'))
  await pin({ release: OLD, ami_id: OLD_IMAGE, history: [] })
})
afterEach(async () => await rm(folder, { recursive: true, force: true }))

const pin = async (content: object): Promise<void> =>
  void (await Bun.write(file(), JSON.stringify(content)))
const pinned = async () => await Bun.file(file()).json()
/** Which builder made an image is another matter: see provenance.test.ts. */
const bump = async (...args: string[]): Promise<Ran> =>
  await runScript('bump', [...args, '--unattested', '--file', file()], scene.env)

describe('bump', () => {
  test('writes the release and the AMI tagged with it, and keeps the previous one', async () => {
    const { code, out } = await bump(NEW)
    expect(code).toBe(0)
    expect(out).toContain('release aaaaaaaaaaaa -> bbbbbbbbbbbb')
    const { history, ...now } = await pinned()
    expect(now).toEqual({ release: NEW, ami_id: NEW_IMAGE })
    expect(history).toMatchObject([{ release: OLD, ami_id: OLD_IMAGE }])
    expect(Date.now() - Date.parse(history[0].bumped_at)).toBeLessThan(60_000)
  })

  test('defaults to the checked-out commit', async () => {
    const release = (await $`git -C ${root} rev-parse HEAD`.text()).trim()
    const image = { id: 'ami-0dddddddddddddddd', name: 'head', architecture: 'arm64' }
    const tags = { service: service.name, release }
    scene.plane.images.set(image.id, { ...image, createdAt: Date.now(), tags })
    const { code } = await bump()
    scene.plane.images.delete(image.id)
    expect(code).toBe(0)
    expect(await pinned()).toMatchObject({ release, ami_id: image.id })
  })

  test('changes nothing when the release is already chosen', async () => {
    const { code, out } = await bump(OLD)
    expect(code).toBe(0)
    expect(out).toContain('is already chosen')
    expect(await pinned()).toEqual({ release: OLD, ami_id: OLD_IMAGE, history: [] })
  })

  test('leaves the placeholder of a new tree out of the history', async () => {
    await pin({ release: '0'.repeat(40), ami_id: 'ami-00000000000000000', history: [] })
    await bump(NEW)
    expect((await pinned()).history).toEqual([])
  })

  test('--previous goes to the newest earlier release whose AMI exists', async () => {
    const gone = {
      release: 'c'.repeat(40),
      ami_id: 'ami-0cccccccccccccccc',
      bumped_at: '2026-01-02',
    }
    const past = { release: OLD, ami_id: OLD_IMAGE, bumped_at: '2026-01-01' }
    await pin({ release: NEW, ami_id: NEW_IMAGE, history: [gone, past] })
    expect((await bump('--previous')).code).toBe(0)
    const now = await pinned()
    expect(now).toMatchObject({ release: OLD, ami_id: OLD_IMAGE })
    expect(now.history[0].release).toBe(NEW)
  })

  test('--previous skips a release that was rolled back', async () => {
    const failed = { release: NEW, ami_id: NEW_IMAGE, bumped_at: '2026-01-02' }
    const past = { release: OLD, ami_id: OLD_IMAGE, bumped_at: '2026-01-01' }
    await pin({ release: 'c'.repeat(40), ami_id: 'ami-0cccccccccccccccc', history: [failed, past] })
    scene.plane.group.tags['rolled-back-release'] = NEW
    const { code } = await bump('--previous')
    delete scene.plane.group.tags['rolled-back-release']
    expect(code).toBe(0)
    expect(await pinned()).toMatchObject({ release: OLD, ami_id: OLD_IMAGE })
  })

  test('--list shows the baked releases and the deployment history', async () => {
    await pin({
      release: NEW,
      ami_id: NEW_IMAGE,
      history: [
        { release: 'c'.repeat(40), ami_id: 'ami-0cccccccccccccccc', bumped_at: '2026-01-02' },
      ],
    })
    const { out, code } = await bump('--list')
    expect(code).toBe(0)
    expect(out).toMatch(/\* +bbbbbbbbbbbb +ami-0b{16} +arm64 +10 min ago/)
    expect(out).toMatch(/^ +aaaaaaaaaaaa +ami-0a{16}/m)
    expect(out).toMatch(/cccccccccccc +ami-0c{16} \(gone\) +2026-01-02/)
  })
})

describe('bump refuses', () => {
  afterEach(async () => {
    expect(await pinned()).toEqual({ release: OLD, ami_id: OLD_IMAGE, history: [] })
  })

  test('a release that was never baked', async () => {
    const { code, err } = await bump('d'.repeat(40))
    expect(code).toBe(1)
    expect(err).toContain('there is no AMI of release dddddddddddd')
  })

  test('a name that is not a commit', async () => {
    const { code, err } = await bump('no-such-branch')
    expect(code).toBe(1)
    expect(err).toContain(`'no-such-branch' is not a commit in ${root}: `)
  })

  test('to guess between two architectures', async () => {
    const twin = {
      id: 'ami-0b0b0b0b0b0b0b0b0',
      name: 'twin',
      architecture: 'x86_64',
      createdAt: Date.now(),
    }
    scene.plane.images.set(twin.id, { ...twin, tags: { service: service.name, release: NEW } })
    const { code, err } = await bump(NEW)
    const chosen = await bump(NEW, '--arch', 'x64', '--json')
    scene.plane.images.delete(twin.id)
    await pin({ release: OLD, ami_id: OLD_IMAGE, history: [] })
    expect(code).toBe(1)
    expect(err).toContain('is baked for x64 and arm64: say which with --arch')
    expect(JSON.parse(chosen.out).ami_id).toBe(twin.id)
  })

  test('--previous without a history', async () => {
    const { code, err } = await bump('--previous')
    expect(code).toBe(1)
    expect(err).toContain('no earlier release in the history that was not rolled back')
  })

  test.each([
    [[NEW, '--previous'], 'give only one of RELEASE, --previous and --list'],
    [[NEW, OLD], 'is one argument too many'],
    [['--arch', 'mips'], "--arch needs x64 or arm64, got 'mips'"],
    [['--latest'], "Unknown option '--latest'"],
  ])('%j with exit code 2 and one line that says why', async (args, message) => {
    const { code, err } = await bump(...args)
    expect(code).toBe(2)
    expect(err).toContain(message)
    expect(err).toEndWith(' (scripts/bump --help)\n')
  })
})
