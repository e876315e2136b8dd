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

/** A word, and what it means. */
type Word = readonly [word: string, help: string]

/** A script by its name, with the words that may come anywhere, and those after an option with a value. */
interface Completed {
  name: string
  words: Word[]
  /** By option; undefined: files. */
  values: [option: string, choices: readonly string[] | undefined][]
}

const GENERAL: Word[] = [
  ['--help', 'what it does, and its options'],
  ['--version', 'the commit of these scripts'],
]

function fromTable({ name, verbs = {}, options }: Command<OptionTable>): Completed {
  const all = Object.entries(options)
  return {
    name,
    words: [
      ...Object.entries(verbs),
      ...all.map(([option, { help }]): Word => [`--${option}`, help]),
      ...GENERAL,
    ],
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
  return { name, words: [...new Set(words)].map((word) => [word, '']), values: [] }
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

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/** What differs between the shells: where they have the line, how words are listed, and how they are given back. */
const DIALECTS = {
  bash: {
    begin: `  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} script=\${COMP_WORDS[0]##*/} words='' files=''`,
    list: (words: Word[]) => `words=${quoted(words.map(([word]) => word).join(' '))}`,
    end: `  COMPREPLY=()
  while IFS= read -r each; do COMPREPLY+=("$each"); done < <(
    if [[ -n $files ]]; then compgen -f -- "$word"; else compgen -W "$words" -- "$word"; fi
  )`,
    register: 'complete -F',
  },
  zsh: {
    begin: `  local before=\${words[CURRENT-1]} script=\${words[1]:t} files=''
  local -a each`,
    list: (words: Word[]) =>
      `each=(${words.map(([word, help]) => quoted(help ? `${word}:${help}` : word)).join(' ')})`,
    end: '  if [[ -n $files ]]; then _files; else _describe word each; fi',
    register: 'compdef',
  },
}

/** One function for all of them. */
function script(completed: Completed[], shell: keyof typeof SHELLS): string {
  const { begin, list, end, register } = DIALECTS[shell]
  const name = `_${service.name.replaceAll('-', '_')}_scripts`
  const cases = completed.map(({ name, words, values }) => {
    const after = values.map(([option, choices]) =>
      choices
        ? `        ${option}) ${list(choices.map((choice) => [choice, '']))} ;;`
        : `        ${option}) files=1 ;;`,
    )
    return `    ${name})
      case $before in
${[...after, `        *) ${list(words)} ;;`].join('\n')}
      esac
      ;;`
  })
  return `${name}() {
${begin}
  case $script in
${cases.join('\n')}
  esac
${end}
}
${register} ${name} ${completed.map(({ name }) => `scripts/${name} ./scripts/${name}`).join(' ')}`
}

if (import.meta.main) {
  await runCommand(command, async ({ words: [shell] }) => {
    console.log(script(await all(), readVerb(SHELLS, shell)))
    return EXIT.ok
  })
}
