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

export interface Membership {
  /** Throws `DefinitionError` when a version is in use that this process does not know. */
  join(): Promise<void>
  /**
   * Call before any work: `undefined` while the lease holds, otherwise resolves once it is renewed. Rejects with
   * `OverloadedError` when this process can no longer serve.
   */
  ensure(): Promise<void> | undefined
  state(): MembershipState
  leave(): Promise<void>
}

export function createMembership(options: {
  readonly store: Pick<Store, 'announceProcess' | 'forgetProcess'>
  readonly registry: Registry
  readonly log: Logger
  readonly platform?: Platform
  /** Called once, when a version is in use that this process cannot serve. */
  readonly onUnfit?: (reason: DefinitionError) => void
}): Membership {
  const { store, registry, log, platform = processPlatform, onUnfit = () => {} } = options
  const id = platform.uid()
  let hasJoined = false
  let hasLeft = false
  let leaseEndsAt = Number.NEGATIVE_INFINITY
  let renewal: Promise<void> | undefined
  let unfit: DefinitionError | undefined

  async function announce(): Promise<void> {
    // Measured from before the statement; the store's lease starts when the statement runs, so it ends later.
    const endsAt = platform.monotonicMs() + PROCESS_LEASE_MS
    const versions = await store.announceProcess({ id, versions: registry.newest }, PROCESS_LEASE_MS)
    registry.write(versions)
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
    leaseEndsAt = endsAt
  }

  /** One announcement at a time, shared by all waiting callers. */
  function renew(): Promise<void> {
    renewal ??= announce()
      .catch(async error => {
        if (error instanceof DefinitionError) await end(error)
        throw error
      })
      .finally(() => {
        renewal = undefined
      })
    return renewal
  }

  async function end(reason: DefinitionError): Promise<void> {
    if (unfit !== undefined) return
    unfit = reason
    renewing.stop()
    if (hasJoined) onUnfit(reason)
    // Processes of the new version must not wait for the lease of one that knows only the old version.
    await store.forgetProcess(id).catch(() => {})
  }

  const renewing = new Periodic({
    everyMs: ANNOUNCE_EVERY_MS,
    work: renew,
    onFailure: error => log.warn({ err: error }, 'the lease of this process could not be renewed; retrying'),
    alarms: platform,
  })

  const isCurrent = () => platform.monotonicMs() < leaseEndsAt

  return {
    async join() {
      await renew()
      hasJoined = true
      if (!hasLeft && unfit === undefined) renewing.start()
    },
    ensure() {
      if (!hasJoined || hasLeft) return undefined
      if (unfit !== undefined) {
        return Promise.reject(
          new OverloadedError('This process is being replaced', RETRY_AFTER_SECONDS, unfit),
        )
      }
      if (isCurrent()) return undefined
      return renew().catch(error => {
        throw unfit === undefined
          ? error
          : new OverloadedError('This process is being replaced', RETRY_AFTER_SECONDS, error)
      })
    },
    state() {
      if (unfit !== undefined) return 'unfit'
      if (!hasJoined) return 'outside'
      return isCurrent() ? 'current' : 'lapsed'
    },
    async leave() {
      hasLeft = true
      renewing.stop()
      // Its announcement would come after the goodbye.
      await renewal?.catch(() => {})
      if (unfit !== undefined) return
      await store
        .forgetProcess(id)
        .catch(error =>
          log.warn({ err: error }, 'this process could not say goodbye; its lease will run out'),
        )
    },
  }
}
