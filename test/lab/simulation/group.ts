import { ROUND_SECONDS } from '../../../scripts/lib/probe/traffic.ts'
import type { Stage } from '../../../scripts/lib/receipt/receipt.ts'
import type { Settings } from '../../../scripts/lib/rollout/options.ts'
import { service } from '../../../scripts/lib/service.ts'
import { wallClock } from '../aws-double/clock.ts'
import { ControlPlane } from '../aws-double/control-plane.ts'
import type { Behaviour, FakeFleet } from '../aws-double/fake-fleet.ts'
import type { Operator, Script } from './script.ts'

export const GROUP = `${service.name}-production`
/** After the first checkpoint, and before the end of the bake time. */
const BREAKS_AFTER_MS = 240_000
export const TIMEOUT_SECONDS = 3600
export const HOOK_SECONDS = 60
const TEMPLATE = 'lt-0123456789abcdef0'

/** Version 2 is release 2222…, and so is version 3 if it only changes a setting or the image. */
export const releaseOf = (version: number, { sameRelease }: Script): string =>
  String(sameRelease && version === 3 ? 2 : version).repeat(40)
/** Version 3 has the image of version 2 if it only changes a setting. */
const imageOf = (version: number, { sameRelease }: Script): string =>
  `ami-${String(sameRelease === 'setting' && version === 3 ? 2 : version).repeat(17)}`
/** The version that a mark on the group blames, by its release or its image. */
export const versionOf = (mark: string): number => Number(mark.replace('ami-', '')[0])

/** The group, launch template and images of a script, in the AWS double at `now`. */
export function groupOf(
  script: Script,
  fleet: FakeFleet,
  behaviours: Map<number, Behaviour>,
  now: number,
): ControlPlane {
  const tags = { service: service.name, environment: 'production' }
  const versions = script.releases.map((_, index) => index + 1)
  const plane = new ControlPlane({
    group: {
      name: GROUP,
      templateId: TEMPLATE,
      // Version 1 is older than the running one: nobody has a reason to go there.
      version: 2,
      minSize: 0,
      maxSize: 20,
      desired: script.instances,
      zones: ['a', 'b'],
      targetGroupArn: 'arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/g/0',
      loadBalancerDns: 'fleet.test',
      listenerPort: 80,
      graceSeconds: 120,
      warmupSeconds: 60,
      deregistrationSeconds: 30,
      minHealthyPercentage: 100,
      maxHealthyPercentage: 200,
      tags,
      suspended: new Set(),
    },
    template: {
      id: TEMPLATE,
      name: GROUP,
      tags,
      versions: versions.map((version) => ({
        imageId: imageOf(version, script),
        userData: '',
        tags: { ...tags, release: releaseOf(version, script) },
        description: '',
        createdAt: now,
      })),
    },
    images: versions.map((version) => ({
      id: imageOf(version, script),
      name: String(version),
      architecture: 'arm64',
      createdAt: now,
      tags: { ...tags, release: releaseOf(version, script) },
    })),
    alarms: [{ name: 'errors', state: 'OK', reason: '' }],
    clock: wallClock(),
    driver: fleet,
    tickMs: 5_000,
  })
  plane.refreshLagMs = script.lagSeconds * 1000
  plane.cancelMs = script.cancelSeconds * 1000
  for (const version of versions) {
    const quality = script.releases[version - 1]
    const behaviour: Behaviour = { bootMs: script.bootSeconds * 1000 }
    if (script.releases.includes('slow'))
      behaviour.latencyMs = latency(quality === 'slow' ? 60 : 20)
    if (quality === 'never healthy') behaviour.healthStatus = 503
    if (quality === 'broken') behaviour.canaryStatus = script.brokenStatus
    behaviour.laterStatus = script.brokenStatus
    if (quality === 'broken later') behaviour.canaryFailsAfterMs = BREAKS_AFTER_MS
    if (quality === 'broken for users') behaviour.usersFail = 0.2
    if (quality === 'broken for users alone') behaviour.usersFailAlone = 0.2
    if (quality === 'no launch') behaviour.launchFails = 'no capacity'
    behaviours.set(version, behaviour)
  }
  return plane
}

/** Around `median` milliseconds, with the spread of real answers: some take twice as long. */
const latency = (median: number) => (): number => median * Math.exp(0.3 * normal())

const normal = (): number =>
  Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random())

/** What an operator's command line says; only `start` is told where the service is. */
export function settingsOf(
  { version, retry, verb, further, duringFreeze, cannotWrite }: Operator,
  script: Script,
  url: string,
): Settings {
  const { releases, alarms } = script
  return {
    group: GROUP,
    region: undefined,
    url: verb === 'start' ? url : undefined,
    launchTemplateId: TEMPLATE,
    launchTemplateVersion: version,
    release: verb === 'start' ? releaseOf(version, script) : undefined,
    alarm: alarms ? ['errors'] : [],
    ignoreAlarms: false,
    retry: retry === true,
    duringFreeze: duringFreeze === true,
    hooks: { folder: '', stages: Object.keys(script.hooks) as Stage[] },
    hookSeconds: HOOK_SECONDS,
    further: further === true,
    skipRolledBack: false,
    checkpoints: undefined,
    checkpointDelaySeconds: undefined,
    checkpointAnswers: 5,
    watchSeconds: undefined,
    stallSeconds: 600,
    timeoutSeconds: TIMEOUT_SECONDS,
    pollSeconds: 15,
    patienceSeconds: 300,
    // Less often than by default: every call takes time to simulate.
    trafficSeconds: releases.some((each) => each.startsWith('broken for users'))
      ? ROUND_SECONDS
      : 30,
    // Just enough to detect these faults, for the same reason.
    rate: releases.includes('slow') ? 10 : 0.5,
    token: undefined,
    failureBudget: 0,
    beforeSeconds: 10,
    afterSeconds: 15,
    observeSeconds: 120,
    noProbe: false,
    json: true,
    receipt: cannotWrite ? '/dev/null/receipt.json' : undefined,
    receiptKey: undefined,
    note: undefined,
    evidence: undefined,
  }
}
