import { EXIT } from '../../../scripts/lib/cli/errors.ts'
import type { HookRun, Receipt, Stage } from '../../../scripts/lib/receipt/receipt.ts'
import type { ControlPlane } from '../aws-double/control-plane.ts'
import { isServing } from '../aws-double/model.ts'
import { releaseOf, TIMEOUT_SECONDS, versionOf } from './group.ts'
import type { Operator, Quality, Script } from './script.ts'

/** How an operator's command ended. */
export interface Ended {
  operator: Operator
  code: number
  receipt: Receipt | undefined
  seconds: number
}

/** After its time is up, a command still queries AWS, with retries. */
const SLACK_SECONDS = 1800

/** A bad release is gone by then: the time it has to become healthy, plus the rollback. */
const GIVEN_UP_SECONDS = 2400

/** Faults that every probe request shows; a short look may miss the others. */
const NEVER_SHIPPED: Quality[] = ['never healthy', 'broken', 'no launch']

/** Codes of a rollback that never came to follow a way back. */
const UNFINISHED: number[] = [EXIT.timedOut, EXIT.lostSight]

const MAY_LACK_RECEIPT: number[] = [EXIT.refused, EXIT.interrupted, EXIT.usage]

/** The rollout's promises, checked against the observed behaviour of the group and its operators. */
export class Promises {
  readonly broken: string[] = []
  private readonly rolledBack = new Set<number>()
  /** IDs of the refreshes that existed at the last look. */
  private readonly known = new Set<string>()
  /** IDs of the refreshes that were requested before their version was rolled back. */
  private readonly excused = new Set<string>()
  /** Versions that an operator requested although they were rolled back. */
  private readonly retried = new Set<number>()
  /** Operators whose command has started, reversed or cancelled a refresh. */
  private readonly actors = new Set<Operator>()
  /** IDs of the refreshes that only replace instances. */
  private readonly recycling = new Set<string>()
  /** The versions that one of these replaced. */
  private readonly recycled = new Set<number>()
  /** The versions that were in service since an operator's command began. */
  private readonly seenBy = new Map<Operator, Set<number>>()
  /** While deploys are frozen, in milliseconds since the epoch. */
  private frozen: { from: number; to: number } | undefined
  private readonly begunAt = new Map<Operator, number>()
  /** The hooks that a command has run, and the commands of which one runs. */
  private readonly hooked = new Map<Operator, HookRun[]>()
  private readonly hooksRunning = new Set<Operator>()
  private undoesFirst = false
  /** Whether someone started an older version: that is a way back, and undoing it needs --further. */
  shipsOlder = false
  /** Scaling out takes time: only the lowest desired capacity so far has to serve. */
  private fewestWanted: number

  constructor(
    private readonly script: Script,
    private readonly plane: ControlPlane,
  ) {
    this.fewestWanted = script.instances
  }

  retries(version: number): void {
    this.retried.add(version)
  }

  freezes(from: number, to: number): void {
    this.frozen = { from, to }
  }

  hookBegins(operator: Operator, stage: Stage): void {
    const before = this.hooked.get(operator) ?? []
    if (before.some((ran) => ran.stage === stage))
      this.broken.push(`${operator.verb} ran the hook ${stage} twice`)
    this.hooksRunning.add(operator)
  }

  hookEnded(operator: Operator, ran: HookRun): void {
    this.hooksRunning.delete(operator)
    this.hooked.set(operator, [...(this.hooked.get(operator) ?? []), ran])
  }

  begins(operator: Operator, at: number): void {
    this.begunAt.set(operator, at)
    this.seenBy.set(operator, new Set([...this.inService(), this.plane.group.version]))
  }

  /**
   * Somebody replaces instances by others of the saved version: those of another are left, and so is a change that ended
   * early, which a rollback may follow.
   */
  recycles(id: string): void {
    this.recycling.add(id)
    const change = this.plane.refreshes.find((each) => !this.recycling.has(each.id))
    const left = change?.status === 'Successful' ? [] : [change?.desiredVersion ?? 0]
    for (const version of [...this.present(), ...left]) this.recycled.add(version)
  }

  /** An operator has reversed or cancelled a refresh. */
  acted(operator: Operator): void {
    this.actors.add(operator)
  }

  /** Before a call to AWS: what its sender could have known. */
  sending({ version }: Operator): { isFirst: boolean; isInnocent: boolean } {
    const isFirst = this.plane.refreshes.every(({ id }) => this.recycling.has(id))
    return { isFirst, isInnocent: !this.rolledBack.has(version) }
  }

  /** An operator has started a refresh; AWS has no way to start one only if nothing has changed since the request. */
  started(operator: Operator, sent: { isFirst: boolean; isInnocent: boolean }, id: string): void {
    const { plane } = this
    const to = plane.refreshes[0]?.desiredVersion ?? 0
    this.actors.add(operator)
    if (operator.verb === 'rollback') {
      // Without a newer release there is nothing to undo but the running one, so that was requested.
      this.undoesFirst ||= sent.isFirst
      const newest = plane.refreshes[1]?.desiredVersion ?? to
      for (const version of [newest, plane.group.version, ...this.present()]) {
        if (version !== to) this.rolledBack.add(version)
      }
    } else {
      if (this.isFrozen(operator) && !this.isCutOff())
        this.broken.push('a refresh was started during a freeze')
      if (this.isBadHook('before')) this.broken.push('a refresh was started that its hook refused')
      this.shipsOlder ||= operator.version < plane.group.version
      if (sent.isInnocent) this.excused.add(id)
    }
  }

  /** Checks what must hold at every moment. */
  look(): void {
    const { plane, rolledBack } = this
    for (const versions of this.seenBy.values())
      for (const each of this.inService()) versions.add(each)
    for (const { desiredVersion: to = 0, status, id, rollback } of plane.refreshes) {
      if (this.recycling.has(id)) continue
      if (!this.known.has(id)) {
        this.known.add(id)
        if (
          rolledBack.has(to) &&
          !this.isSetting(to) &&
          !this.retried.has(to) &&
          !this.excused.has(id)
        ) {
          this.broken.push(`version ${to} came back after it was rolled back`)
        }
        // A refresh to an older version leaves the saved one behind.
        if (to < plane.group.version) rolledBack.add(plane.group.version)
      }
      if (status.startsWith('Rollback')) rolledBack.add(to)
      const { releases, operators } = this.script
      const isAsked = operators.some(({ verb }) => verb === 'rollback')
      if (rollback?.reason.includes('by user') && releases[to - 1] === 'good' && !isAsked) {
        if (!this.isHarmed() && !this.isRejected())
          this.broken.push(`good version ${to} was turned round`)
      }
    }
    for (const version of this.marked()) {
      const wasLeft = rolledBack.has(version) || this.recycled.has(version)
      if (!wasLeft && !this.leftSetting()) {
        this.broken.push(`version ${version} is marked but was never rolled back`)
      }
    }
    const serving = plane.instances.filter(isServing).length
    this.fewestWanted = Math.min(this.fewestWanted, plane.group.desired)
    if (serving < this.fewestWanted && !this.isHarmed()) {
      this.broken.push(`only ${serving} of ${plane.group.desired} instances serve`)
    }
  }

  ended({ operator, code, receipt, seconds }: Ended): void {
    const { verb, version } = operator
    if (this.hooksRunning.has(operator)) this.broken.push(`${verb} left a hook running`)
    if (seconds > TIMEOUT_SECONDS + SLACK_SECONDS) {
      this.broken.push(`${verb} took ${Math.round(seconds)} s`)
    }
    if (!receipt) {
      const mayLack = verb === 'rollback' ? [...MAY_LACK_RECEIPT, ...UNFINISHED] : MAY_LACK_RECEIPT
      if (verb !== 'cancel' && !mayLack.includes(code)) {
        this.broken.push(`${verb} ended with ${code} and without a receipt`)
      }
      if (code === EXIT.refused && this.actors.has(operator)) {
        this.broken.push(`${verb} ended with ${code} although it had changed something`)
      }
    } else {
      this.isTrue(operator, receipt, seconds)
      this.hooksAreTrue(operator, receipt)
      if (receipt.exitCode !== code) {
        this.broken.push(`${verb} ended with ${code}, and its receipt says ${receipt.exitCode}`)
      }
    }
    if (verb === 'start') this.startEnded(operator, code, receipt, seconds)
    if (verb === 'start' && receipt?.verdict === 'shipped') this.shipped(version, receipt)
  }

  /** Checks what must hold once nothing fails any more. */
  atTheEnd(): void {
    this.look()
    if (this.undoesFirst || this.leftSetting()) return
    if (this.inService().includes(1)) this.broken.push('someone went back beyond what ran at first')
    for (const version of this.marked()) {
      if (version <= 2) this.broken.push(`the good release ${version} is marked`)
    }
  }

  /** Whether a bad release is serving, or would be launched. */
  isBad(): boolean {
    const { releases } = this.script
    return [...this.inService(), this.plane.group.version].some(
      (version) => releases[version - 1] !== 'good',
    )
  }

  /** Whether AWS shipped a bad release without any follower noticing. */
  hasShippedBad(): boolean {
    return this.plane.refreshes.some(
      ({ id, status, desiredVersion = 0 }) =>
        status === 'Successful' &&
        !this.recycling.has(id) &&
        this.script.releases[desiredVersion - 1] !== 'good',
    )
  }

  inService(): number[] {
    return this.plane.instances
      .filter(({ lifecycle }) => lifecycle === 'InService')
      .map(({ version }) => version)
  }

  /** The receipt must agree with AWS about the refresh. */
  private isTrue(operator: Operator, receipt: Receipt, seconds: number): void {
    const { verb } = operator
    const { verdict, refreshId, release, previousRelease } = receipt
    if (verb === 'rollback' && verdict === 'shipped' && release === previousRelease) {
      if (!this.script.sameRelease) this.broken.push(`went back from ${release} to itself`)
    }
    const releases = [...(this.seenBy.get(operator) ?? [])].map((each) =>
      releaseOf(each, this.script),
    )
    if (verb === 'start' && previousRelease && !releases.includes(previousRelease)) {
      this.broken.push(`${previousRelease} was not in service, but is said to be replaced`)
    }
    const status = this.plane.refreshes.find(({ id }) => id === refreshId)?.status
    const isRight = ((): boolean => {
      switch (verdict) {
        case 'shipped':
          return (
            status === undefined ||
            status === 'Successful' ||
            (status === 'RollbackSuccessful' && verb !== 'start')
          )
        case 'rolled back':
          return status === 'RollbackSuccessful'
        case 'cancelled':
          return status === 'Cancelled'
        case 'timed out':
          return seconds >= TIMEOUT_SECONDS
        case 'lost sight':
          return this.isCutOff()
        case 'failed':
        case 'skipped':
          return true
      }
    })()
    if (!isRight) this.broken.push(`${verb} reports '${verdict}' for a refresh that is ${status}`)
  }

  private hooksAreTrue(operator: Operator, receipt: Receipt): void {
    const { verdict, isRollback, refreshId, hooks } = receipt
    const ran = this.hooked.get(operator) ?? []
    if (hooks.length !== ran.length)
      this.broken.push(`the receipt tells of ${hooks.length} hooks, and ${ran.length} were run`)
    const wentBack = verdict === 'rolled back' || (verdict === 'shipped' && isRollback)
    if ('back' in this.script.hooks && wentBack !== ran.some(({ stage }) => stage === 'back'))
      this.broken.push(
        `the hook back was ${wentBack ? 'not ' : ''}run, and the verdict is ${verdict}`,
      )
    if (operator.verb === 'start' && verdict === 'shipped' && refreshId && this.isRejected())
      this.broken.push('shipped what a hook had rejected')
  }

  private startEnded(
    operator: Operator,
    code: number,
    receipt: Receipt | undefined,
    seconds: number,
  ): void {
    const { version } = operator
    const { releases } = this.script
    const marked = this.marked().includes(version) || this.isSetting(version)
    if (receipt?.verdict === 'rolled back' && !this.isCutOff() && !marked && !this.isCrowded()) {
      this.broken.push(`version ${version} was rolled back but is not marked`)
    }
    if (this.isCrowded() || this.isCutOff() || this.isHarmed()) return
    if (this.isFrozen(operator) || this.isBadHook('before')) {
      if (code !== EXIT.refused)
        this.broken.push(`a start that had to be refused ended with ${code}`)
      return
    }
    const isGood = releases[version - 1] === 'good' && !this.isRejected()
    const { sleeps } = this.script.operators[0] ?? {}
    if (sleeps && (!isGood || code === EXIT.timedOut)) return
    if (isGood && code !== EXIT.ok) {
      this.broken.push(
        `good version ${version}, undisturbed, ended with ${code}: ${receipt?.reason}`,
      )
    }
    const quality = releases[version - 1]
    // In fewer instances, the new ones are compared for too short a time.
    const isUnseen = quality === 'slow' && this.script.instances < 3
    if (
      !isGood &&
      !(isUnseen && !this.isRejected()) &&
      (code !== EXIT.rolledBack || seconds > GIVEN_UP_SECONDS)
    ) {
      this.broken.push(
        `${releases[version - 1]} version ${version}, undisturbed, ended with ${code} after ${Math.round(seconds)} s`,
      )
    }
  }

  private shipped(version: number, receipt: Receipt): void {
    const { releases } = this.script
    const others = this.inService().filter((each) => each !== version)
    if (others.length > 0 && !this.plane.running && !this.isHarmed()) {
      this.broken.push(`shipped version ${version} with ${others} in service`)
    }
    const quality = releases[version - 1] ?? 'good'
    if (NEVER_SHIPPED.includes(quality) && receipt.probe) {
      this.broken.push(`shipped version ${version}, which is ${quality}`)
    }
  }

  /** Whether the command began during a freeze, and was not told to go on. */
  private isFrozen(operator: Operator): boolean {
    const { from, to } = this.frozen ?? { from: Infinity, to: Infinity }
    const at = this.begunAt.get(operator) ?? 0
    return at >= from && at < to && !operator.duringFreeze
  }

  private isBadHook(stage: Stage): boolean {
    return (this.script.hooks[stage] ?? 'well') !== 'well'
  }

  /** Whether a hook rejects what is shipped. */
  private isRejected(): boolean {
    return this.isBadHook('first-instance') || this.isBadHook('shipped')
  }

  /** Whether the version differs in a setting: that it was rolled back condemns nothing. */
  private isSetting(version: number): boolean {
    return this.script.sameRelease === 'setting' && version === 3
  }

  /**
   * Whether the release of both versions was left or tried as a whole: a rollback goes to another when AWS does not know
   * which served before, and from version 4 either is another release.
   */
  private leftSetting(): boolean {
    return (
      this.script.sameRelease !== undefined &&
      this.plane.refreshes.some(
        ({ desiredVersion, status }) =>
          desiredVersion === 1 || (desiredVersion === 4 && status === 'Successful'),
      )
    )
  }

  /** Whether others take part, or the start was interrupted or killed. */
  private isCrowded(): boolean {
    const { operators } = this.script
    return operators.some(
      (each, index) => index > 0 || each.interruptedAfterSeconds || each.killedAfterSeconds,
    )
  }

  /** Whether calls to AWS fail. */
  private isCutOff(): boolean {
    return this.script.faultRate > 0 || this.script.outage !== undefined
  }

  /** Whether something other than a rollout removes instances. */
  private isHarmed(): boolean {
    return this.script.disturbances.some(({ kind }) => kind !== 'scale')
  }

  private marked(): number[] {
    const tag = this.plane.group.tags['rolled-back-release'] ?? ''
    return tag.split(' ').filter(Boolean).map(versionOf)
  }

  private present(): number[] {
    return this.plane.instances
      .filter(({ lifecycle }) => lifecycle === 'InService' || lifecycle === 'Pending')
      .map(({ version }) => version)
  }
}
