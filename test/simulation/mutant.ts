/** When preloaded, makes this process run mutation number MUTATION instead of the original code. */
import { join } from 'node:path'
import { plugin } from 'bun'
import { root } from '../../scripts/lib/paths.ts'
import { mutations } from './mutations.ts'

const { MUTATION } = process.env
const mutation = mutations[Number(MUTATION)]
if (!mutation) throw new Error(`MUTATION: got '${MUTATION}', expected 0 to ${mutations.length - 1}`)
const { file, from, to } = mutation
const path = join(root, 'scripts/lib', file)

plugin({
  name: 'mutant',
  setup(build) {
    build.onLoad({ filter: new RegExp(`${RegExp.escape(path)}$`) }, async () => {
      const contents = await Bun.file(path).text()
      return { contents: contents.replace(from, () => to), loader: 'ts' }
    })
  },
})
