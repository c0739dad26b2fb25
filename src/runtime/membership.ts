/*
 * Says to the other processes that this one lives and which versions it knows, and hears from the store which may be
 * written: a new version only once every living process knows it. What has been written once may be written by all;
 * a process that does not know it refuses to start. One that was taken for dead is told so by the guards: it cannot
 * overwrite what it does not understand, because every version is guarded.
 */
import type { Logger } from 'pino'
import { DefinitionError } from './errors.js'
import { type Cancel, type Platform, processPlatform } from './platform.js'
import type { Store } from './ports.js'
import type { Registry } from './registry.js'

/** After a roll-out the last old process is forgotten within this much, if it could not say goodbye. */
const PROCESS_LEASE_MS = 15_000
/** Two may fail before the lease runs out. */
const ANNOUNCE_EVERY_MS = 5_000

export interface Membership {
  /** Throws `DefinitionError` when a version is in use that this process does not know. */
  join(): Promise<void>
  leave(): Promise<void>
}

export function createMembership(options: {
  readonly store: Store
  readonly registry: Registry
  readonly log: Logger
  readonly platform?: Platform
}): Membership {
  const { store, registry, log, platform = processPlatform } = options
  const id = platform.uid()
  let cancel: Cancel = () => {}
  let hasLeft = false

  async function announce(): Promise<void> {
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
  }

  function goOn(): void {
    const announceAgain = () => {
      announce()
        .catch(error => log.warn({ err: error }, 'this process could not say that it lives; it tries again'))
        .finally(() => hasLeft || goOn())
    }
    cancel = platform.after(ANNOUNCE_EVERY_MS, announceAgain, { inBackground: true })
  }

  return {
    async join() {
      try {
        await announce()
      } catch (error) {
        if (error instanceof DefinitionError) await store.forgetProcess(id).catch(() => {})
        throw error
      }
      if (!hasLeft) goOn()
    },
    async leave() {
      hasLeft = true
      cancel()
      await store
        .forgetProcess(id)
        .catch(error =>
          log.warn({ err: error }, 'this process could not say goodbye; its lease will run out'),
        )
    },
  }
}
