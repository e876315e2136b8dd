import { type Metric, paginateListMetrics } from '@aws-sdk/client-cloudwatch'
import type { Account } from './account.ts'

/** One metric that an alarm watches. */
export interface Watched {
  namespace: string
  name: string
  dimensions: Record<string, string>
}

/** Metrics that AWS reports only now and then, and when. Others are there as soon as there is what they measure. */
const SELDOM: Record<string, string> = {
  HTTPCode_ELB_502_Count: 'only when there are such errors',
  HTTPCode_ELB_503_Count: 'only when there are such errors',
  HTTPCode_ELB_504_Count: 'only when there are such errors',
  HTTPCode_Target_5XX_Count: 'only when there are such errors',
  TargetResponseTime: 'only when there are requests',
  ReplicationLag: 'only by replicas',
}

/** What CloudWatch has under a metric's name and dimensions. */
export interface Sight {
  exists: boolean
  /** What is wrong, and what to do about it; empty if nothing is. */
  text: string
  todo: string | undefined
}

/** Finds metrics in CloudWatch, which lists those of the last two weeks. */
export class MetricSearch {
  private readonly listed = new Map<string, Promise<Metric[]>>()

  constructor(private readonly aws: Account) {}

  async find({ namespace, name, dimensions }: Watched): Promise<Sight> {
    const near = await this.list(namespace, Object.entries(dimensions)[0])
    const alike = near.filter((metric) => hasExactly(metric, dimensions))
    if (alike.some(({ MetricName }) => MetricName === name)) {
      return { exists: true, text: '', todo: undefined }
    }
    // Reported seldom: another metric shows that the dimensions are those of something real.
    if (alike.length > 0 && SELDOM[name]) return { exists: false, text: '', todo: undefined }
    const shapes = await this.shapes(namespace, name)
    const wanted = Object.entries(dimensions).map(([key, value]) => `${key} ${value}`)
    const known =
      shapes.length > 0
        ? `; CloudWatch has it by ${shapes.join(' or by ')}`
        : '; CloudWatch has it under no dimensions at all'
    return {
      exists: false,
      text: `${namespace} has no ${name} for ${wanted.join(', ')}${known}`,
      todo:
        shapes.length > 0
          ? 'if it is so ten minutes after an apply, correct the dimensions in terraform/alarms.tf or terraform/operations.tf'
          : `AWS reports it ${SELDOM[name] ?? 'within ten minutes'}: run this again then`,
    }
  }

  /** Metrics with one dimension in common: all of one load balancer, or of one cluster. */
  private list(namespace: string, dimension: [string, string] | undefined): Promise<Metric[]> {
    const key = JSON.stringify([namespace, dimension])
    const known = this.listed.get(key) ?? this.request(namespace, undefined, dimension)
    this.listed.set(key, known)
    return known
  }

  /** The sets of dimension names under which a metric exists. */
  private async shapes(namespace: string, name: string): Promise<string[]> {
    const metrics = await this.request(namespace, name, undefined)
    return [...new Set(metrics.map((metric) => Object.keys(dimensionsOf(metric)).join(' + ')))]
  }

  private async request(
    Namespace: string,
    MetricName: string | undefined,
    dimension: [string, string] | undefined,
  ): Promise<Metric[]> {
    const found: Metric[] = []
    const Dimensions = dimension && [{ Name: dimension[0], Value: dimension[1] }]
    const pages = paginateListMetrics(
      { client: this.aws.cloudwatch },
      { Namespace, MetricName, Dimensions },
    )
    for await (const { Metrics = [] } of pages) found.push(...Metrics)
    return found
  }
}

const dimensionsOf = ({ Dimensions = [] }: Metric): Record<string, string> =>
  Object.fromEntries(Dimensions.map(({ Name, Value }) => [Name, Value]))

const hasExactly = (metric: Metric, dimensions: Record<string, string>): boolean =>
  Bun.deepEquals(dimensionsOf(metric), dimensions)
