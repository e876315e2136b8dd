import { command, onSignal } from './signals.ts'

// All else takes as long to load as the runtime, and signals do not wait for it.

import { name } from '../package.json'
import { backUp } from './backup.ts'
import { ConfigError, describeConfig, loadConfig, loadListener } from './config/config.ts'
import { createToken } from './config/tokens.ts'
import { checkHealth } from './healthcheck.ts'
import { embeddedText, release } from './release.ts'
import { startService } from './service.ts'
import { createLog } from './telemetry/log.ts'
import { print, say, spelledOut } from './telemetry/terminal.ts'
import { openTimeZone } from './time-zone.ts'
import { transfer } from './transfer.ts'
import { type Command, USAGE } from './usage.ts'

/** Exit codes, those of sysexits.h where it has one. */
const EXIT = { ok: 0, failure: 1, usage: 2, config: 78 } as const

try {
  await run(command)
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exit(EXIT.failure)
}

async function run(command: Command): Promise<void> {
  switch (command.verb) {
    case 'help':
      return print(`${USAGE}\n`)
    case 'version':
      return print(`${name} ${release.id} built ${release.builtAt} bun ${Bun.version}\n`)
    case 'sbom':
      return print(await embeddedText('sbom.cdx.json'))
    case 'licenses':
      return print(await embeddedText('licenses.txt'))
    case 'usage':
      say(command.reason)
      console.error(`\n${USAGE}`)
      return process.exit(EXIT.usage)
    case 'token': {
      const { token, entry } = createToken(command.scope, command.label)
      return print(`token   ${token}\nTOKENS  ${entry}\n`)
    }
    case 'config': {
      const { timezone } = await configured(loadConfig(command, process.env))
      const { tzdata, from } = await openTimeZone(timezone)
      const settings = describeConfig(process.env, command.environment)
      return print(`${settings}\n# TIMEZONE is by tzdata ${tzdata} of ${from}\n`)
    }
    case 'healthcheck': {
      const config = await configured(loadListener(command, process.env))
      const { healthy, report } = await checkHealth(config)
      // Whoever asks reads the exit code: a full disk under the report makes nobody ill.
      await print(`${spelledOut(report)}\n`).catch((error: Error) => say(error.message))
      return process.exit(healthy ? EXIT.ok : EXIT.failure)
    }
    case 'backup':
    case 'export':
    case 'import': {
      const config = await configured(loadConfig({ port: 0, environment: 'local' }, process.env))
      if (command.verb === 'backup')
        return say(`backup: ${backUp(command.file, config)} records in ${command.file}`)
      return transfer(command.verb, command.from, config)
    }
    case 'serve':
      return serve(command)
  }
}

async function configured<T>(loading: Promise<T>): Promise<T> {
  try {
    return await loading
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    error.problems.forEach(say)
    process.exit(EXIT.config)
  }
}

async function serve(command: { port: number; environment: string }): Promise<void> {
  const config = await configured(loadConfig(command, process.env))
  const { environment, instanceId: instance } = config
  const { log, flush } = createLog(config.logLevel, { environment, instance, release: release.id })
  process.on('exit', flush)

  const reread = () => loadConfig(command, process.env)
  const service = await startService(config, log, reread).catch((error: Error): never => {
    throw new Error(`cannot start: ${error.message}`)
  })
  log.info({ event: 'listening', url: service.url, admin: service.adminUrl })
  flush()

  let stopping = false
  const stop = async (signal: string, drainSeconds: number) => {
    // A second signal means that there is no load balancer to wait for.
    if (stopping) {
      log.info({ event: 'drain-ended', signal })
      return service.endDrain()
    }
    stopping = true
    log.info({ event: 'stopping', signal, drainSeconds })
    await service.stop(drainSeconds)
    log.info({ event: 'stopped' })
    process.exit(EXIT.ok)
  }
  onSignal.SIGTERM = () => stop('SIGTERM', config.drainSeconds)
  // Ctrl-C does not drain.
  onSignal.SIGINT = () => stop('SIGINT', 0)
  onSignal.SIGHUP = service.reload
  process.on('unhandledRejection', (err) => log.error({ event: 'unhandled-rejection', err }))
}
