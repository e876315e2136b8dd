/** The scenarios. Those with `wrong-` must fail: they show that a rehearsal detects problems. */
export const SCENARIO_NAMES = {
  rollout: 'from A to B, then one instance restarted in place: no request fails',
  deploy: 'the same by scripts/deploy: bump, terraform plan and apply, rollout, smoke test',
  'bad-release': 'B never becomes healthy: it is rolled back',
  'bad-after-checkpoint': 'B returns 500 from the checkpoint on: an alarm rolls it back',
  'broken-release': 'B is healthy and answers 404 to every GET: the probe rolls it back',
  'follower-killed':
    'scripts/rollout is killed, then B turns bad: AWS rolls back, and B stays out afterwards',
  'rollback-twice': 'a rollback that is interrupted and said again goes back once, and no further',
  crash: 'an instance dies halfway: it is replaced, and the rollout continues',
  'store-outage': 'the store is gone for 20 s halfway: no instance is replaced',
  'store-failover':
    'the primary of the store dies halfway: a replica replaces it, and no acknowledged write is lost',
  hung: 'a worker hangs halfway: systemd restarts it',
  cancel: 'cancelled halfway: both releases keep serving',
  rollback: 'back to A after B was shipped',
  late: 'the load balancer hears of every change up to --lag seconds late: no request fails',
  'scale-out': 'the group grows by an instance halfway: no request fails',
  'scale-in': 'the group shrinks by an instance halfway: no request fails',
  'balancer-node': 'the load balancer replaces a node halfway: no request fails',
  'zone-loss': 'a zone is gone halfway, with its instances and its node: the rollout continues',
  'slow-network':
    'everything takes 20 ms from the load balancer to an instance, and back: no request fails',
  mixed: 'A and B serve the same data, in both directions',
  'wrong-drain': 'B does not drain when it stops: requests must fail',
  'wrong-idle': 'B closes idle connections before the load balancer does: requests must fail',
} as const

export type ScenarioName = keyof typeof SCENARIO_NAMES
