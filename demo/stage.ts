/*
 * The environment of the actors: their way to the server, and the time. At the last call customers stop making
 * requests. At the curtain all pauses end, and nobody does anything more.
 */
import { setMaxListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { Beat, LoadcastEvent } from '../src/client/index.js'
import type { Caller } from '../src/dispatch/person.js'
import { type ApiClient, createApiClient } from './api-client.js'
import { type Connection, createConnection } from './connection.js'
import type { Ledger } from './ledger.js'
import type { Random } from './random.js'
import type { World } from './world.js'

export interface Player {
  readonly api: ApiClient
  readonly connection: Connection
}

export interface Stage {
  readonly world: World
  readonly ledger: Ledger
  readonly random: Random
  /** Signs in and returns an unopened connection. `beat` returns the position for heartbeats. */
  enter(caller: Caller, handle: (event: LoadcastEvent) => void, beat?: () => Beat): Promise<Player>
  apiOf(caller: Caller): Promise<ApiClient>
  /** Waits. Returns false at the curtain: do nothing more. */
  pause(ms: number): Promise<boolean>
  isLastCall(): boolean
  lastCall(): void
  /** Runs an action in parallel. The curtain waits for it. */
  perform(action: () => Promise<void>): void
  /** Ends the show. Resolves when all running actions are done. */
  curtain(): Promise<void>
  leave(): void
}

export interface StageOptions {
  readonly url: string
  readonly world: World
  readonly ledger: Ledger
  readonly random: Random
  mintToken(caller: Caller): Promise<string>
}

export function createStage({ url, world, ledger, random, mintToken }: StageOptions): Stage {
  const bell = new AbortController()
  setMaxListeners(0, bell.signal) // every pause of every actor listens
  const underWay = new Set<Promise<void>>()
  const connections: Connection[] = []
  let isLastCall = false

  return {
    world,
    ledger,
    random,
    async enter(caller, handle, beat) {
      const token = await mintToken(caller)
      const connection = createConnection({ url, token, handle, beat }, ledger)
      connections.push(connection)
      return { api: createApiClient(url, token, ledger), connection }
    },
    apiOf: async caller => createApiClient(url, await mintToken(caller), ledger),
    async pause(ms) {
      await delay(ms, undefined, { signal: bell.signal }).catch(() => {})
      return !bell.signal.aborted
    },
    isLastCall: () => isLastCall,
    lastCall() {
      isLastCall = true
    },
    perform(action) {
      const done = action()
        .catch(error => ledger.surprise(`an actor could not go on: ${error.stack ?? error}`))
        .finally(() => underWay.delete(done))
      underWay.add(done)
    },
    async curtain() {
      bell.abort()
      while (underWay.size > 0) await Promise.all(underWay)
    },
    leave() {
      for (const connection of connections) connection.close()
    },
  }
}

/** Runs `work` for all, `width` at a time. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values()
  const worker = async () => {
    for (const item of rest) await work(item)
  }
  await Promise.all(Array.from({ length: width }, worker))
}
