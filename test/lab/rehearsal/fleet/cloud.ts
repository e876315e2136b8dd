import { service } from '../../../../scripts/lib/service.ts'
import { type Pace, wallClock } from '../../aws-double/clock.ts'
import { ControlPlane, imageId } from '../../aws-double/control-plane.ts'
import type { InstanceDriver } from '../../aws-double/driver.ts'
import { type Double, startDouble } from '../../aws-double/server.ts'
import { callersHere } from '../../iam/roles.ts'
import { renderUserData } from '../../support/user-data.ts'
import { RULES } from '../balancer/configuration.ts'
import { BALANCER, GROUP, TEMPLATE, URL } from '../names.ts'
import { OK_ALARMS } from './alarm-watch.ts'
import type { Release, ReleaseName } from './releases.ts'
import { AWS_PORT } from './secrets.ts'

const REGION = 'eu-west-1'

/** The group's times in seconds and its percentages, as in terraform/group.tf. */
export const GROUP_RULES = { grace: 120, warmup: 60, minHealthy: 100, maxHealthy: 200 }

/** Image ids of releases. */
export const imageIds = (releases: Release[]): Map<string, Release> =>
  new Map(releases.map((release) => [imageId(), release]))

export interface CloudOptions {
  driver: InstanceDriver
  images: Map<string, Release>
  instances: number
  pace: Pace
  tokenHash: string
  /** The service's settings for its store. */
  store: Record<string, string>
  /** Further settings of releases. */
  settings: Settings
}

/** Of the service, by release: a bad one may be right, and its settings wrong. */
export type Settings = Partial<Record<ReleaseName, Record<string, string>>>

/** The AWS double with one group that runs launch template version 1, the first of `images`. */
export async function startCloud(options: CloudOptions): Promise<Double> {
  const { driver, images, instances, pace, tokenHash, store, settings } = options
  const now = Date.now()
  const userDataOf = ({ name }: Release) =>
    renderUserData({
      environment: { ...environment(tokenHash), ...store, ...settings[name] },
      log_group: `/${service.name}/rehearsal/journal`,
    })
  const plane = new ControlPlane({
    group: {
      name: GROUP,
      templateId: TEMPLATE,
      version: 1,
      minSize: 0,
      maxSize: 4 * instances,
      desired: instances,
      zones: [`${REGION}a`, `${REGION}b`, `${REGION}c`],
      targetGroupArn: `arn:aws:elasticloadbalancing:${REGION}:123456789012:targetgroup/${GROUP}/0123456789abcdef`,
      loadBalancerDns: BALANCER,
      listenerPort: 443,
      https: true,
      graceSeconds: GROUP_RULES.grace,
      warmupSeconds: GROUP_RULES.warmup,
      deregistrationSeconds: RULES.deregistration,
      minHealthyPercentage: GROUP_RULES.minHealthy,
      maxHealthyPercentage: GROUP_RULES.maxHealthy,
      tags: { service: service.name, environment: 'rehearsal' },
      suspended: new Set(),
    },
    template: {
      id: TEMPLATE,
      name: GROUP,
      tags: { service: service.name, environment: 'rehearsal' },
      versions: await Promise.all(
        [...images].map(async ([image, release]) => ({
          imageId: image,
          userData: await userDataOf(release),
          tags: { service: service.name, environment: 'rehearsal', release: release.id },
          description: release.id,
          createdAt: now,
        })),
      ),
    },
    images: [...images].map(([image, { id }]) => ({
      id: image,
      name: `${service.name}-${id.slice(0, 12)}-${process.arch}`,
      architecture: process.arch,
      createdAt: now,
      tags: { service: service.name, release: id },
    })),
    alarms: OK_ALARMS,
    clock: wallClock(pace),
    driver,
  })
  const { callers, leftOut } = await callersHere('rehearsal')
  if (leftOut) console.error(`anybody may do anything, since there are no policies: ${leftOut}`)
  return await startDouble(plane, callers, AWS_PORT)
}

/**
 * The environment that points scripts at the double instead of AWS, and has them trust the load balancer. Whose access
 * key it is depends on the script.
 */
export const awsEnvironment = (
  double: Double,
  token: string,
  trusted: string,
): Record<string, string> => ({
  NODE_EXTRA_CA_CERTS: trusted,
  CURL_CA_BUNDLE: trusted,
  AWS_ENDPOINT_URL: double.url,
  AWS_REGION: REGION,
  AWS_SECRET_ACCESS_KEY: 'rehearsal',
  AWS_EC2_METADATA_DISABLED: 'true',
  [`${service.environmentPrefix}_TOKEN`]: token,
  [`${service.environmentPrefix}_ROLLOUT_GROUP`]: GROUP,
  [`${service.environmentPrefix}_ROLLOUT_URL`]: URL,
})

/** What the service's environment is here; in group.tf, its secrets are names. */
const environment = (tokenHash: string): Record<string, string> => ({
  ENVIRONMENT: 'rehearsal',
  PORT: String(service.port),
  AWS_REGION: REGION,
  TOKENS: `write:${tokenHash}`,
})
