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
  await git('add', '.')
  await git('commit', '--quiet', '--message', 'first')
  const id = (await git('rev-parse', 'HEAD')).text().trim()
  await build(path, id)
  return { id, git }
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
