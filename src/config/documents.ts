import { join } from 'node:path'
import { SECTIONS, SETTINGS, type Setting, SYSTEMD } from './settings.ts'

const HEAD = `# /etc/app/app.env: the configuration of this machine's workers. Owned by root, mode 0600; systemd reads it.
# Lists every variable; a commented-out one shows its default, or an example if it has none.
# NAME is the service's name in package.json. After a change: systemctl restart app.target. To see what is wrong: app config, or systemctl status 'app@*'.

# Read by the unit.
ENVIRONMENT=production
#PORT=5000
# At most one per core is started, which is also the default.
#WORKERS=2
`
const FOOT = `# Set by systemd for each worker; do not set here: ${Object.keys(SYSTEMD).join(', ')}.
`

/** systemd/app.env.example. */
export function environmentExample(): string {
  const lines = ([name, { required, example, fallback }]: [string, Setting<unknown>]) =>
    `${required ? '' : '#'}${name}=${example ?? fallback}\n`
  const sections = Object.entries(SECTIONS).map(([title, settings]) =>
    [`# ${title}\n`, ...Object.entries<Setting<unknown>>(settings).map(lines)].join(''),
  )
  return [HEAD, ...sections, FOOT].join('\n')
}

/** src/README.md, whose table of settings is in `text`, with the table as it should be. */
export function withSettingsTable(text: string): string {
  const row = ([name, { meaning, fallback, shown, secret }]: [string, Setting<unknown>]) => {
    const byDefault = shown ?? (fallback === undefined ? '' : `\`${fallback}\``)
    const words = [meaning, secret && 'a secret'].filter(Boolean).join('; ')
    return `| \`${name}\` |${byDefault && ` ${byDefault}`} | ${words} |\n`
  }
  const rows = Object.entries<Setting<unknown>>(SETTINGS).map(row).join('')
  return text.replace(/(\| variable .*\n\| --- .*\n)(?:\|.*\n)*/, (_, head) => head + rows)
}

// bun src/config/documents.ts writes both; a test compares them.
if (import.meta.main) {
  const at = (path: string) => Bun.file(join(import.meta.dir, '../..', path))
  await at('systemd/app.env.example').write(environmentExample())
  const readme = at('src/README.md')
  await readme.write(withSettingsTable(await readme.text()))
}
