/*
 * Tells the other processes that this one lives and which versions it knows, and learns from the store which may be
 * written: a new version only once every living process knows it. What has been written once may be written by all;
 * a process that does not know it refuses to start, and ends when it learns of it later.
 * Other processes consider a process dead when its lease has run out. One that was paused beyond its lease renews it before
 * any other work.
 */
import type { Logger } from 'pino'
import { Periodic } from '../../concurrency/periodic.js'
import { DefinitionError, OverloadedError } from '../errors.js'
import { type Platform, processPlatform } from '../platform.js'
import type { Store } from '../ports.js'
import type { Registry } from './registry.js'

/** After a roll-out the last old process is forgotten within this much, if it could not say goodbye. */
const PROCESS_LEASE_MS = 15_000
/** Two may fail before the lease runs out. */
const ANNOUNCE_EVERY_MS = 5_000
/** Short, because another process can serve the caller at once. */
const RETRY_AFTER_SECONDS = 1

/** `lapsed`: the lease has run out and is not renewed yet. `unfit`: the process can no longer serve. */
export type MembershipState = 'outside' | 'current' | 'lapsed' | 'unfit'

export interface MembershipOptions {
  readonly store: Pick<Store, 'announceProcess' | 'forgetProcess'>
  readonly registry: Registry
  readonly log: Logger
  readonly platform?: Platform
  /** Called once, when a version is in use that this process cannot serve. */
  readonly onUnfit?: (reason: DefinitionError) => void
}

export class Membership {
  readonly #options: MembershipOptions
  readonly #platform: Platform
  readonly #id: string
  readonly #renewing: Periodic
  #hasJoined = false
  #hasLeft = false
  #leaseEndsAt = Number.NEGATIVE_INFINITY
  #renewal: Promise<void> | undefined
  #unfit: DefinitionError | undefined

  constructor(options: MembershipOptions) {
    const { log, platform = processPlatform } = options
    this.#options = options
    this.#platform = platform
    this.#id = platform.uid()
    this.#renewing = new Periodic({
      everyMs: ANNOUNCE_EVERY_MS,
      work: () => this.#renew(),
      onFailure: error =>
        log.warn({ err: error }, 'the lease of this process could not be renewed; retrying'),
      alarms: platform,
    })
  }

  state(): MembershipState {
    if (this.#unfit !== undefined) return 'unfit'
    if (!this.#hasJoined) return 'outside'
    return this.#isCurrent ? 'current' : 'lapsed'
  }

  /** Throws `DefinitionError` when a version is in use that this process does not know. */
  async join(): Promise<void> {
    await this.#renew()
    this.#hasJoined = true
    if (!this.#hasLeft && this.#unfit === undefined) this.#renewing.start()
  }

  /**
   * Call before any work: `undefined` while the lease holds, otherwise resolves once it is renewed. Rejects with
   * `OverloadedError` when this process can no longer serve.
   */
  ensure(): Promise<void> | undefined {
    if (!this.#hasJoined || this.#hasLeft) return undefined
    if (this.#unfit !== undefined) return Promise.reject(replaced(this.#unfit))
    if (this.#isCurrent) return undefined
    return this.#renew().catch(error => {
      throw this.#unfit === undefined ? error : replaced(error)
    })
  }

  async leave(): Promise<void> {
    const { store, log } = this.#options
    this.#hasLeft = true
    this.#renewing.stop()
    // Its announcement would come after the goodbye.
    await this.#renewal?.catch(() => {})
    if (this.#unfit !== undefined) return
    await store
      .forgetProcess(this.#id)
      .catch(error => log.warn({ err: error }, 'this process could not say goodbye; its lease will run out'))
  }

  get #isCurrent(): boolean {
    return this.#platform.monotonicMs() < this.#leaseEndsAt
  }

  /** One announcement at a time, shared by all waiting callers. */
  #renew(): Promise<void> {
    this.#renewal ??= this.#announce()
      .catch(async error => {
        if (error instanceof DefinitionError) await this.#end(error)
        throw error
      })
      .finally(() => {
        this.#renewal = undefined
      })
    return this.#renewal
  }

  async #announce(): Promise<void> {
    const { store, registry } = this.#options
    // Measured from before the statement; the store's lease starts when the statement runs, so it ends later.
    const endsAt = this.#platform.monotonicMs() + PROCESS_LEASE_MS
    const versions = await store.announceProcess(
      { id: this.#id, versions: registry.newest },
      PROCESS_LEASE_MS,
    )
    registry.write(versions)
    assertServes(registry, versions)
    this.#leaseEndsAt = endsAt
  }

  async #end(reason: DefinitionError): Promise<void> {
    if (this.#unfit !== undefined) return
    this.#unfit = reason
    this.#renewing.stop()
    if (this.#hasJoined) this.#options.onUnfit?.(reason)
    // Processes of the new version must not wait for the lease of one that knows only the old version.
    await this.#options.store.forgetProcess(this.#id).catch(() => {})
  }
}

const replaced = (cause: unknown) =>
  new OverloadedError('This process is being replaced', RETRY_AFTER_SECONDS, cause)

/** Throws `DefinitionError` unless this process knows the version in use of each machine, and can write it. */
function assertServes(registry: Registry, versions: ReadonlyMap<string, number>): void {
  for (const [machine, version] of versions) {
    const newest = registry.newest.get(machine) ?? version
    if (version > newest) {
      throw new DefinitionError(
        `Version ${version} of "${machine}" is in use; this process knows version ${newest} at most and cannot take part`,
      )
    }
    if (version < registry.writing(machine).definition.version) {
      throw new DefinitionError(
        `A process still knows only version ${version} of "${machine}"; this one must know it too, through a migration, until that process has ended`,
      )
    }
  }
}
