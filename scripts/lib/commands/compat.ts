import { explain } from '../aws/errors.ts'
import { type Command, runCommand } from '../cli/command.ts'
import { EXIT, Stop } from '../cli/errors.ts'
import { painter, shortRelease } from '../cli/format.ts'
import { flag, number, parsed } from '../cli/options.ts'
import { type Compatibility, checkCompatibility } from '../release/compat/check.ts'
import { STORES } from '../release/compat/store.ts'
import { RELEASE_FILE, readReleaseFile } from '../release/file.ts'
import type { StoreKind } from '../service.ts'

const options = {
  store: parsed('NAMES', `some of ${STORES.join(', ')}, separated by commas`, readStores, {
    wants: `some of ${STORES.join(', ')}, separated by commas`,
    shown: 'all',
  }),
  histories: number('histories for each store', 10, { min: 1, max: 100_000, whole: true }),
  seed: number('another seed plays other histories', 1, {
    min: 0,
    max: 2_000_000_000,
    whole: true,
  }),
  json: flag('print the result as JSON'),
}

export const command: Command<typeof options> = {
  name: 'compat',
  synopsis: `
usage: scripts/compat [OLD] [NEW] [options]

Runs two releases on one store and plays random histories of requests through both: the old release, both as in a
rollout, the new one, the old one as after a rollback, the new one again, each started anew. Says which answer is
wrong, and the shortest history that shows it.

OLD and NEW are commits, tags or branches, which are built if need be, or paths of executables. By default OLD is the
release that Terraform runs, and NEW the checked-out commit.`,
  explain,
  options,
  examples: [
    ['compat', 'the release that runs, and the checked-out commit'],
    ['compat HEAD~1 HEAD --store redis', 'two commits, on Redis'],
  ],
  notes:
    'exit codes: 0 compatible, or nothing is deployed yet; 1 could not be tried; 2 usage; 4 incompatible',
  words: 2,
}

if (import.meta.main) {
  await runCommand(command, async ({ options, words: [old, next = 'HEAD'] }) => {
    const deployed = old ?? (await readReleaseFile(RELEASE_FILE)).release
    if (!deployed) {
      console.log('nothing is deployed: nothing to be compatible with')
      return EXIT.ok
    }
    const found = await checkCompatibility(
      { ...options, old: deployed, new: next, stores: options.store ?? STORES },
      (line) => console.error(line),
    )
    if (options.json) console.log(JSON.stringify(found, undefined, 2))
    else for (const line of linesOf(found)) console.log(line)
    if (found.broken) return EXIT.failed
    if (found.passed.length === 0) throw new Stop('no store could be started: nothing was proven')
    return EXIT.ok
  })
}

function linesOf({ old, new: next, seed, histories, passed, leftOut, broken }: Compatibility) {
  const paint = painter(process.stdout)
  const releases = `${shortRelease(old)} -> ${shortRelease(next)}`
  const missing = leftOut.map(({ store, reason }) => `left out    ${store}: ${reason}`)
  if (!broken) {
    const proven = `${histories} histories each on ${passed.join(', ')}, seed ${seed}`
    return [paint('green', `compatible  ${releases}: ${proven}`), ...missing]
  }
  return [
    paint(
      'red',
      `incompatible  ${releases} on ${broken.store}, history ${broken.history} of seed ${seed}`,
    ),
    ...broken.steps.map((step) => `  ${step}`),
    `  ${broken.what}`,
    ...missing,
    `again: scripts/compat ${old} ${next} --store ${broken.store} --seed ${seed} --histories ${broken.history}`,
  ]
}

function readStores(text: string): StoreKind[] | undefined {
  const asked = text.split(',')
  const known = STORES.filter((name) => asked.includes(name))
  return known.length === asked.length ? known : undefined
}
