import { join } from 'node:path'
import { sbomName } from '../artifact-names.ts'
import { type Command, runCommand } from '../cli.ts'
import { flag, text } from '../options.ts'
import { root } from '../paths.ts'
import { checkAdvisories } from '../sbom/check-advisories.ts'

const SBOM = `dist/${sbomName(process.arch)}`

const options = {
  refresh: flag('ask the registry first, and keep its answer as the list'),
  from: text('DIR', 'read a clone of github.com/github/advisory-database first, instead'),
  sbom: {
    ...text('FILE', 'the bill of materials', join(root, SBOM)),
    shownFallback: SBOM,
  },
  list: {
    ...text('FILE', 'the list', join(root, 'scripts/lib/sbom/advisories.json')),
    shownFallback: 'scripts/lib/sbom/advisories.json',
  },
  registry: text('URL', 'an npm registry', 'https://registry.npmjs.org'),
  json: flag('print the result as JSON'),
}

const command: Command<typeof options> = {
  name: 'advisories',
  synopsis: `
usage: scripts/advisories [--refresh | --from DIR] [options]

Compares the packages in a bill of materials, Bun included, with a list of known vulnerabilities, without a network; says
how old the list is, and warns when that is more than 30 days or when it does not cover a package.`,
  options,
  notes:
    'exit codes: 0 none is affected, 1 no bill of materials, list, registry or clone, 2 usage, 4 affected',
}

await runCommand(command, ({ options }) => checkAdvisories(options, new Date()))
