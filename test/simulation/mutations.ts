/** A bug that someone might introduce into the rollout's decisions. */
export interface Mutation {
  /** In scripts/lib. */
  file: string
  /** Occurs once in the file. */
  from: string
  to: string
}

/** The simulation must notice each one: `bun test/simulation/mutate.ts` shows with which seed. */
export const mutations: Mutation[] = [
  // The controller: what to do after one snapshot of the fleet.
  ...of('rollout/controller.ts', [
    ['!goal.isRollback && !next.marked && status', 'goal.isRollback && !next.marked && status'],
    ['status && isTurnedRound(status)) {', 'status && !isTurnedRound(status)) {'],
    ["actions.push({ kind: 'mark' })", ''],
    ['if (status && !isRunning(status)) {', 'if (status && isRunning(status)) {'],
    ['if (status && !isRunning(status)) {', 'if (false) {'],
    [
      'ending: { status, reason: reasonOf(fleet), blame: next.blame }',
      "ending: { status: 'Successful', reason: reasonOf(fleet) }",
    ],
    ['if (!status && hasSettled(fleet, goal.version)) {', 'if (hasSettled(fleet, goal.version)) {'],
    ['if (now > goal.deadline) {', 'if (now < goal.deadline) {'],
    ['const mayTurnRound = goal.guarded && status', 'const mayTurnRound = false && status'],
    ['next.blame ??= blame ?? silence', 'next.blame ??= silence'],
    ['silence(goal, next, now, answers) ?? stall', 'silence(goal, next, now, answers)'],
    [
      'if (next.blame !== undefined && mayTurnRound',
      'if (next.blame === undefined && mayTurnRound',
    ],
    ['if (goal.guarded) next.blame', 'if (!goal.guarded) next.blame'],
    ['healthy > next.mostHealthy || !struggles ||', 'healthy < next.mostHealthy &&'],
    ['healthy > next.mostHealthy || !struggles || !waitsForInstances(status)', 'true'],
    ['if (now - next.progressAt < goal.stallMs) return undefined', ''],
    ["return refresh?.Status ?? 'Pending'", "return refresh?.Status ?? 'Successful'"],
  ]),
  // The direction: where a fleet comes from and where it is going.
  ...of('rollout/direction.ts', [
    ['if (running && isRunning(running.status)) {', 'if (running && !isRunning(running.status)) {'],
    ['if (isTurnedRound(status)) {', 'if (!isTurnedRound(status)) {'],
    ['return running.leaves === undefined\n', 'return running.leaves !== undefined\n'],
    [
      "kind: 'forward', refreshId, from: saved, to, status }",
      "kind: 'forward', refreshId, from: to, to: saved, status }",
    ],
    ['if (!hasShipped && versions', 'if (false && versions'],
    ['newest?.leaves === undefined ? saved : newest.to', 'saved'],
    ['if (kept !== undefined && releaseOf(gone) === releaseOf(kept)) continue', ''],
    ['undone: newest && undoneBy(newest) }', 'undone: undefined }'],
    ['index > lastSuccess ? saved : former', 'saved'],
    ['current ?? (index === refreshes.length - 1 ? noted : undefined)', 'current'],
    ['if (from !== undefined && to < from) return from', ''],
    [
      'if (from !== undefined && to < from) return from',
      'if (from !== undefined && to > from) return from',
    ],
    [': to === from ? left : undefined', ': undefined'],
    ['if (leaves !== undefined) note(leaves, true)', 'if (leaves !== undefined) note(to, true)'],
    ['else if (wasTurnedRound || isTurnedRound(status)) note(to, true)', ''],
    ["else if (status === 'Successful') note(desired, false)", 'else note(desired, false)'],
    ['const bad = new Set(marked)', 'const bad = new Set<string>()'],
    [
      "if (step.leaves !== undefined) return step.status === 'Successful' ? step.leaves : undefined",
      '',
    ],
  ]),
  // The verbs.
  ...of('rollout/rollback.ts', [
    [
      'async () => direction.refreshId',
      'async () => { await rollBackRefresh(context.aws, context.settings.group); return direction.refreshId }',
    ],
    [
      'goBack(context, seen, back, bad, () => startBack(context, seen, back))',
      'goBack(context, seen, back, bad, () => startBack(context, seen, left ?? back))',
    ],
    ['if (undone !== undefined && !settings.further)', 'if (false)'],
    ['isRollback: true,\n    guarded: false', 'isRollback: true,\n    guarded: true'],
    ['isRollback: true,\n    guarded: false', 'isRollback: false,\n    guarded: false'],
    [
      'markRolledBack(context.aws, fleet, left)',
      'markRolledBack(context.aws, fleet, good ?? left)',
    ],
    ["return now.refresh?.Status === 'RollbackSuccessful'", 'return now.refresh'],
  ]),
  ...of('rollout/previous.ts', [
    ['version.number >= own ||', ''],
    [
      'for (const version of [...served, ...versions]) {',
      'for (const version of versions.toReversed()) {',
    ],
  ]),
  ...of('rollout/verbs.ts', [
    ['if (release && rolledBack.includes(release) && !settings.retry) {', 'if (false) {'],
    ['if (problems.length > 0) {', 'if (false) {'],
    ['isRollback: false,\n    guarded: true', 'isRollback: false,\n    guarded: false'],
    ['isRollback: false,\n    guarded: true', 'isRollback: true,\n    guarded: true'],
    [
      'fleet.version === version && present(fleet).every((each) => each.version === version)',
      'true',
    ],
    [
      'minHealthy: MIN_HEALTHY,\n        maxHealthy: MAX_HEALTHY',
      'minHealthy: 50,\n        maxHealthy: 150',
    ],
  ]),
  ...of('rollout/survey.ts', [
    ['versions: present(fleet).map(({ version }) => version)', 'versions: []'],
  ]),
  ...of('rollout/verdict.ts', [
    ['if (!arrived)\n', 'if (false)\n'],
    [
      "(isRollback && ending.status === 'RollbackSuccessful')",
      "ending.status === 'RollbackSuccessful'",
    ],
    ['if (observed && !observed.ok) {', 'if (false) {'],
    ['if (probe && failed !== undefined && failed > budget) {', 'if (false) {'],
  ]),
  ...of('rollout/comparison.ts', [
    ['if (this.logWealth < Math.log(1 / FALSE_ALARM)) return undefined', 'return undefined'],
    ['isNew ? guess / share', '!isNew ? guess / share'],
  ]),
  ...of('rollout/alone.ts', [['if (recent.length < FEWEST ||', 'if (true ||']]),
  ...of('rollout/latency.ts', [['if (mean < 1 / FALSE_ALARM)', 'if (true)']]),
  ...of('rollout/run.ts', [['if (error instanceof LostAnswer) return error', '']]),
  ...of('aws/errors.ts', [['if (error instanceof LostAnswer) return false', '']]),
  ...of('aws/refresh.ts', [
    ['if (!seen) throw new LostAnswer(error)', 'if (!seen) return undefined'],
    ['since.find((each) => desiredVersion(each) === plan.version)', 'since[0]'],
    ['b.StartTime?.getTime() ?? 0) - (a.StartTime', 'a.StartTime?.getTime() ?? 0) - (b.StartTime'],
  ]),
]

function of(file: string, changes: [from: string, to: string][]): Mutation[] {
  return changes.map(([from, to]) => ({ file, from, to }))
}
