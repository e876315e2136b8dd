import type { Member } from './fleet.ts'

/** `healthy`, `unhealthy (FailedHealthChecks)`, `Pending, unused`: the lifecycle only if it is not the usual one. */
export function stateOf({ lifecycle, health, target, targetReason }: Member): string {
  const unusual = [lifecycle === 'InService' ? '' : lifecycle, health === 'Healthy' ? '' : health]
  const reason =
    targetReason && target !== 'healthy' ? ` (${targetReason.replace(/^(Target|Elb)\./, '')})` : ''
  return `${[...unusual, target].filter(Boolean).join(', ')}${reason}`
}

export function targetColour({ target, health }: Member): 'green' | 'red' | 'yellow' {
  if (target === 'unhealthy' || health === 'Unhealthy') return 'red'
  return target === 'healthy' ? 'green' : 'yellow'
}
