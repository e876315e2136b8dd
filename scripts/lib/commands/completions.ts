import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { explain } from '../aws/errors.ts'
import { type Command, readVerb, runCommand } from '../cli/command.ts'
import { EXIT } from '../cli/errors.ts'
import type { OptionTable } from '../cli/options.ts'
import { root, service } from '../service.ts'

const SHELLS = { bash: 'for ~/.bashrc', zsh: 'for ~/.zshrc, after compinit' }

export const command: Command<OptionTable> = {
  name: 'completions',
  synopsis: `
usage: scripts/completions bash | zsh

Prints what completes the verbs, options and values of these scripts.`,
  explain,
  verbs: SHELLS,
  options: {},
  examples: [
    [`completions bash >~/.local/share/${service.name}-completions`, 'source that in ~/.bashrc'],
  ],
  notes: 'exit codes: 0 printed, 2 usage',
  words: 1,
}

/** A script by its name, with the words that may come anywhere, and those after an option with a value. */
interface Completed {
  name: string
  words: string[]
  /** By option; undefined: files. */
  values: [option: string, choices: readonly string[] | undefined][]
}

const GENERAL = ['--help', '--version']

function fromTable({ name, verbs = {}, options }: Command<OptionTable>): Completed {
  const all = Object.entries(options)
  return {
    name,
    words: [...Object.keys(verbs), ...all.map(([option]) => `--${option}`), ...GENERAL],
    values: all
      .filter(([, { placeholder }]) => placeholder !== undefined)
      .map(([option, { choices, placeholder = '' }]) => [
        `--${option}`,
        choices ?? (/FILE|DIR/.test(placeholder) ? undefined : []),
      ]),
  }
}

/** Of a script in Bash: what its `case` accepts. */
function fromText(name: string): Completed {
  const text = readFileSync(join(root, 'scripts', name), 'utf8')
  const words = [...text.matchAll(/^\s*(?:-\w \| )?(--[a-z-]+)\)/gm)].map(([, word = '']) => word)
  return { name, words: [...new Set(words)], values: [] }
}

async function all(): Promise<Completed[]> {
  const scripts = readdirSync(join(root, 'scripts'), { withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.includes('.'))
    .map(({ name }) => name)
  return await Promise.all(
    scripts.map(async (name) => {
      const path = join(import.meta.dir, `${name}.ts`)
      if (path === import.meta.path) return fromTable(command)
      if (!(await Bun.file(path).exists())) return fromText(name)
      const other = await import(path)
      return fromTable(other.command ?? other.rollout)
    }),
  )
}

/** One function for all of them: Zsh runs it through `bashcompinit`. */
function script(completed: Completed[], shell: keyof typeof SHELLS): string {
  const name = `_${service.name.replaceAll('-', '_')}_scripts`
  const cases = completed.map(({ name, words, values }) => {
    const after = values.map(([option, choices]) =>
      choices
        ? `        ${option}) words='${choices.join(' ')}' ;;`
        : `        ${option}) files=1 ;;`,
    )
    return `    ${name})
      case $before in
${[...after, `        *) words='${words.join(' ')}' ;;`].join('\n')}
      esac
      ;;`
  })
  return `${shell === 'zsh' ? 'autoload -U +X bashcompinit && bashcompinit\n' : ''}${name}() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} words='' files=''
  case \${COMP_WORDS[0]##*/} in
${cases.join('\n')}
  esac
  COMPREPLY=()
  while IFS= read -r each; do COMPREPLY+=("$each"); done < <(
    if [[ -n $files ]]; then compgen -f -- "$word"; else compgen -W "$words" -- "$word"; fi
  )
}
complete -F ${name} ${completed.map(({ name }) => `scripts/${name} ./scripts/${name}`).join(' ')}`
}

if (import.meta.main) {
  await runCommand(command, async ({ words: [shell] }) => {
    console.log(script(await all(), readVerb(SHELLS, shell)))
    return EXIT.ok
  })
}
