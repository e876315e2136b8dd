import { name } from '../package.json'
import { backUp } from './backup.ts'
import { ConfigError, describeConfig, loadConfig, loadListener } from './config/config.ts'
import { createToken } from './config/tokens.ts'
import { checkHealth } from './healthcheck.ts'
import { embeddedText, release } from './release.ts'
import { type Service, startService } from './service.ts'
import { createLog } from './telemetry/log.ts'
import { openTimeZone } from './time-zone.ts'
import { transfer } from './transfer.ts'
import { parseCommand, USAGE } from './usage.ts'

/** Exit codes, those of sysexits.h where it has one. */
const EXIT = { ok: 0, failure: 1, usage: 2, config: 78 } as const

/** Ctrl-C does not drain. */
const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const

const command = parseCommand(Bun.argv.slice(2))
switch (command.verb) {
  case 'help':
    console.log(USAGE)
    break
  case 'version':
    console.log(`${name} ${release.id} built ${release.builtAt} bun ${Bun.version}`)
    break
  case 'sbom':
    await printEmbedded('sbom.cdx.json')
    break
  case 'licenses':
    await printEmbedded('licenses.txt')
    break
  case 'usage':
    console.error(`${USAGE}\n\n${name}: ${command.reason}`)
    process.exit(EXIT.usage)
    break
  case 'token': {
    const { token, entry } = createToken(command.scope, command.label)
    console.log(`token   ${token}\nTOKENS  ${entry}`)
    break
  }
  case 'config': {
    const { timezone } = await configured(loadConfig(command, process.env))
    const { tzdata, from } = await openTimeZone(timezone)
    console.log(describeConfig(process.env, command.environment))
    console.log(`# TIMEZONE is by tzdata ${tzdata} of ${from}`)
    break
  }
  case 'healthcheck': {
    const config = await configured(loadListener(command, process.env))
    const { healthy, report } = await checkHealth(config)
    console.log(report)
    process.exit(healthy ? EXIT.ok : EXIT.failure)
    break
  }
  case 'backup':
  case 'export':
  case 'import': {
    const config = await configured(loadConfig({ port: 0, environment: 'local' }, process.env))
    try {
      if (command.verb === 'backup') backUp(command.file, config)
      else await transfer(command.verb, command.from, config)
    } catch (error) {
      console.error(`${name}: ${(error as Error).message}`)
      process.exit(EXIT.failure)
    }
    break
  }
  case 'serve':
    await serve(command)
}

async function printEmbedded(file: 'sbom.cdx.json' | 'licenses.txt') {
  const text = await embeddedText(file)
  if (text !== undefined) return process.stdout.write(text)
  console.error(`${name}: run from source: only what scripts/build makes contains ${file}`)
  process.exit(EXIT.failure)
}

async function configured<T>(loading: Promise<T>): Promise<T> {
  try {
    return await loading
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const problem of error.problems) console.error(`${name}: ${problem}`)
    process.exit(EXIT.config)
  }
}

async function serve(command: { port: number; environment: string }): Promise<void> {
  // A PID 1 gets only the signals that it handles. Before it serves, there is nothing to finish.
  const leave = () => process.exit(EXIT.ok)
  for (const signal of STOP_SIGNALS) process.on(signal, leave)
  let service: Service | undefined
  // From the beginning, or it would end the process; while that starts, the secrets have just been read.
  process.on('SIGHUP', () => void service?.reload())

  const config = await configured(loadConfig(command, process.env))
  const { environment, instanceId: instance } = config
  const { log, flush } = createLog(config.logLevel, { environment, instance, release: release.id })
  process.on('exit', flush)

  const reread = () => loadConfig(command, process.env)
  try {
    service = await startService(config, log, reread)
  } catch (error) {
    console.error(`${name}: cannot start: ${error instanceof Error ? error.message : error}`)
    process.exit(EXIT.failure)
  }
  log.info({ event: 'listening', url: service.url, admin: service.adminUrl })
  flush()

  let stopping = false
  const stop = async (signal: string, drainSeconds: number) => {
    log.info({ event: 'stopping', signal, drainSeconds })
    // A second signal means that there is no load balancer to wait for.
    if (stopping) return service.endDrain()
    stopping = true
    await service.stop(drainSeconds)
    log.info({ event: 'stopped' })
    process.exit(EXIT.ok)
  }
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => stop(signal, signal === 'SIGINT' ? 0 : config.drainSeconds))
    process.off(signal, leave)
  }
  process.on('unhandledRejection', (err) => log.error({ event: 'unhandled-rejection', err }))
}
