import { $ } from 'bun'
import { Stop } from '../errors.ts'

const INSTALL = `source scripts/lib/shell/packages.sh && source scripts/lib/shell/image-packages.sh &&
  need_packages "\${image_packages[@]}" "$@"`

/** Installs the Debian packages that a local bake and its boot take, and `more`. Throws `Stop` where it cannot. */
export async function needImagePackages(root: string, ...more: string[]): Promise<void> {
  const { exitCode, stderr } = await $`bash -c ${INSTALL} bash ${more}`.cwd(root).nothrow().quiet()
  if (exitCode !== 0) throw new Stop(stderr.toString().trim())
}
