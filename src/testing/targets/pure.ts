/*
 * The machine alone as a target: one event after the other, in virtual time. Its answers are the specification, so a
 * schedule that fails here shows a fault of the machine or of the subject.
 */

import { parseCommand, parseInput } from '../../runtime/commands.js'
import { Fold } from '../../runtime/commit/fold.js'
import type { Registered } from '../../runtime/definitions/registry.js'
import { createRegistry } from '../../runtime/definitions/registry.js'
import type { Step } from '../../runtime/definitions/step.js'
import { InvalidEventError } from '../../runtime/errors.js'
import { replay } from '../../runtime/replay.js'
import type { JournalEntry } from '../../runtime/types.js'
import type { Delivery } from '../history.js'
import type { Answer, Create, Send, Session, Target } from '../run.js'
import { createChance, uuidAt } from '../simulation/chance.js'
import { EPOCH_MS } from '../simulation/world.js'
import type { Subject } from '../subject.js'

interface Kept {
  fold: Fold
  readonly journal: JournalEntry[]
}

export function pureTarget(): Target {
  return {
    name: 'the machine by itself',
    clockErrorMs: 1,
    open: async (subject, schedule) => new PureSession(subject, schedule.seed),
  }
}

type Attempt<T> = { readonly value: T; readonly error?: never } | { readonly error: string }

function attempt<T>(parse: () => T): Attempt<T> {
  try {
    return { value: parse() }
  } catch (error) {
    if (error instanceof InvalidEventError) return { error: error.message }
    throw error
  }
}

class PureSession implements Session {
  readonly #registered: Registered
  readonly #chance: ReturnType<typeof createChance>
  readonly #instances = new Map<string, Kept>()
  readonly #keys = new Map<string, { instance: string; version: number }>()
  #now = 0

  constructor({ definition }: Subject, seed: number) {
    this.#registered = createRegistry([definition]).get(definition.name)
    this.#chance = createChance(seed)
  }

  nowMs(): number {
    return this.#now
  }

  epochMs(): number {
    return EPOCH_MS + Math.floor(this.#now)
  }

  async sleep(ms: number): Promise<void> {
    const until = this.#now + ms
    for (let next = this.#nextTimer(until); next !== undefined; next = this.#nextTimer(until)) {
      this.#now = Math.max(this.#now, next.dueAt - EPOCH_MS)
      this.#fire(next.id, next.sendId)
    }
    this.#now = until
  }

  async create({ actor, input }: Create): Promise<Answer> {
    const { definition, stepper } = this.#registered
    const parsed = attempt(() => parseInput(definition, input))
    if (parsed.error !== undefined) return { outcome: { kind: 'failed', error: parsed.error } }
    const [id, uid, at] = [this.#uid(), this.#uid(), this.epochMs()]
    const stamped = { ...parsed.value, at, uid }
    const step = stepper.begin(stamped, uid)
    const refusal = this.#refusedFor(id, definition.claims(step.snapshot))
    if (refusal !== undefined) {
      return { outcome: { kind: 'refused', reason: refusal.reason, holder: refusal.holder } }
    }
    const kept: Kept = { fold: new Fold(id, undefined, this.#registered, []), journal: [] }
    this.#instances.set(id, kept)
    this.#push(id, kept, { type: 'xstate.init', at, uid, input: stamped }, { id: actor, role: 'caller' })
    return { outcome: { kind: 'applied', version: 1, uid }, instance: id, seen: kept.fold.current?.snapshot }
  }

  async send({ actor, caller, instance, event, ifVersion, key }: Send): Promise<Answer> {
    const { definition, stepper } = this.#registered
    const kept = this.#instances.get(instance)
    const current = kept?.fold.current
    if (kept === undefined || current === undefined) {
      return { outcome: { kind: 'failed', error: 'no such instance' } }
    }
    const { version, snapshot } = current
    const parsed = attempt(() => parseCommand(definition, event))
    if (parsed.error !== undefined) return { outcome: { kind: 'failed', error: parsed.error } }
    const keyName = key === undefined ? undefined : `${caller} ${instance} ${key}`
    const used = keyName === undefined ? undefined : this.#keys.get(keyName)
    if (used !== undefined) return { outcome: { kind: 'replayed', ...used }, seen: snapshot }
    const refused = (reason: string): Answer => ({
      outcome: { kind: 'refused', reason, version },
      seen: snapshot,
    })
    if (ifVersion !== undefined && ifVersion !== version) return refused('STALE_VERSION')
    const [uid, at] = [this.#uid(), Math.max(this.epochMs(), current.updatedAt)]
    const stamped = { ...parsed.value, at, uid }
    const step: Step = stepper.step(snapshot, stamped)
    if (step.kind === 'unchanged') {
      const refusal = definition.refuse(snapshot, stamped)
      if (refusal !== undefined) return refused(refusal.reason)
      return { outcome: { kind: 'unchanged', version }, seen: snapshot }
    }
    const held = new Set(definition.claims(snapshot))
    const claims = definition.claims(step.snapshot).filter(claim => !held.has(claim))
    const refusal = this.#refusedFor(instance, claims)
    if (refusal !== undefined) return refused(refusal.reason)
    this.#push(instance, kept, stamped, { id: actor, role: 'caller' })
    if (keyName !== undefined) this.#keys.set(keyName, { instance, version: version + 1 })
    return { outcome: { kind: 'applied', version: version + 1, uid }, seen: kept.fold.current?.snapshot }
  }

  async read({ instance }: { readonly instance: string }): Promise<Answer> {
    const current = this.#instances.get(instance)?.fold.current
    if (current === undefined) return { outcome: { kind: 'failed', error: 'no such instance' } }
    return { outcome: { kind: 'read', version: current.version }, seen: current.snapshot }
  }

  async settle(): ReturnType<Session['settle']> {
    const kept = [...this.#instances]
    const deliveries = kept.flatMap(([, { fold }]) =>
      fold.events.map(({ instance, version, index, type, payload }): Delivery => {
        return { instance, version, index, type, payload }
      }),
    )
    return { journals: Object.fromEntries(kept.map(([id, { journal }]) => [id, journal])), deliveries }
  }

  async close(): Promise<void> {}

  #uid(): string {
    return uuidAt(this.epochMs(), this.#chance)
  }

  #refusedFor(id: string, keys: readonly string[]): { reason: string; holder: string } | undefined {
    const { definition } = this.#registered
    for (const key of keys) {
      for (const [holder, { fold }] of this.#instances) {
        if (holder === id || fold.current === undefined) continue
        if (!definition.claims(fold.current.snapshot).includes(key)) continue
        return { reason: definition.refuseClaim(key, holder).reason, holder }
      }
    }
    return undefined
  }

  #nextTimer(until: number): { id: string; sendId: string; dueAt: number } | undefined {
    let next: { id: string; sendId: string; dueAt: number } | undefined
    for (const [id, { fold }] of this.#instances) {
      for (const { sendId, dueAt } of fold.timersSet.values()) {
        if (dueAt - EPOCH_MS > until || (next !== undefined && dueAt >= next.dueAt)) continue
        next = { id, sendId, dueAt }
      }
    }
    return next
  }

  #fire(id: string, sendId: string): void {
    const kept = this.#instances.get(id)
    const timer = kept?.fold.timersSet.get(sendId)
    const current = kept?.fold.current
    if (kept === undefined || timer === undefined || current === undefined) return
    const event = { ...timer.event, at: Math.max(timer.dueAt, current.updatedAt), uid: this.#uid() }
    if (this.#registered.stepper.step(current.snapshot, event).kind === 'unchanged') {
      kept.fold.timersSet.delete(sendId)
      return
    }
    this.#push(id, kept, event, { id: 'timer', role: 'system', sendId })
  }

  /** Extends the journal and replays it, so this target knows only what a journal contains. */
  #push(
    id: string,
    kept: Kept,
    event: JournalEntry['event'] & { at: number; uid: string },
    actor: JournalEntry['actor'],
  ): void {
    const { at, uid } = event
    const version = kept.journal.length + 1
    const entry: JournalEntry = { version, uid, event, status: '', actor, at }
    kept.fold = replay(this.#registered, id, [...kept.journal, entry])
    kept.journal.push({ ...entry, status: kept.fold.current?.status ?? '' })
  }
}
