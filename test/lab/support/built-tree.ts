import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { name } from '../../../package.json'

/** A repository with one commit and an "executable" that holds its id. */
export async function makeTree(path: string) {
  const git = (...words: string[]) =>
    $`git -C ${path} -c user.name=test -c user.email=test@example.com ${words}`.quiet()
  await git('init', '--quiet')
  mkdirSync(join(path, 'systemd'))
  mkdirSync(join(path, 'packer', 'aws'), { recursive: true })
  writeFileSync(join(path, 'systemd', 'app.target'), '[Unit]\n')
  writeFileSync(join(path, '.gitignore'), 'dist/\nbin/\n')
  writeLock(path)
  await git('add', '.')
  await git('commit', '--quiet', '--message', 'first')
  const id = (await git('rev-parse', 'HEAD')).text().trim()
  await build(path, id)
  return { id, git }
}

/** What its packages and its Bun would be. */
export function writeLock(path: string) {
  mkdirSync(join(path, 'scripts/lib/shell'), { recursive: true })
  writeFileSync(join(path, 'bun.lock'), 'locked\n')
  writeFileSync(
    join(path, 'scripts/lib/shell/bun.sha256'),
    `${'b'.repeat(64)}  bun-linux-aarch64\n`,
  )
}

/** Its arm64 "executable" is `content`. */
export async function build(path: string, content: string) {
  mkdirSync(join(path, 'dist'), { recursive: true })
  writeFileSync(join(path, 'dist', `${name}-linux-arm64`), content)
  writeFileSync(join(path, 'dist', `${name}-linux-arm64.cdx.json`), '{}')
  await $`sha256sum ${name}-linux-arm64 ${name}-linux-arm64.cdx.json >SHA256SUMS`.cwd(
    join(path, 'dist'),
  )
}
