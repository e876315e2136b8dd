import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { service } from '../service.ts'
import type { BuiltRelease } from './built-release.ts'

/** Packs what packer/provision/10-install.sh installs into an archive in `folder`. Returns its path. */
export async function packPayload(
  root: string,
  release: BuiltRelease,
  folder: string,
): Promise<string> {
  const content = join(folder, 'payload')
  const archive = join(folder, 'payload.tar.gz')
  mkdirSync(content)
  cpSync(release.executable, join(content, 'app'))
  cpSync(release.sbom, join(content, 'sbom.cdx.json'))
  writeFileSync(
    join(content, 'defaults.env'),
    `PORT=${service.port}\nFIRST_ADMIN_PORT=${service.adminPort}\n`,
  )
  cpSync(join(root, 'systemd'), join(content, 'systemd'), { recursive: true })
  const options = ['--sort=name', '--owner=0', '--group=0', `--mtime=@${release.commitTime}`]
  await $`tar ${options} --use-compress-program=${'gzip -1 -n'} -cf ${archive} -C ${content} .`
  return archive
}
