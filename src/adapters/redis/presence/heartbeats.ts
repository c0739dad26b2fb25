/*
 * Heartbeats of one shard. While some are on their way to Redis the next gather, and go out as one call: alone, one
 * does not wait, and ten thousand a second are a few hundred calls.
 */
import type { DriverBeat, Point } from '../../../dispatch/ports.js'
import type { Argument, PresenceConnection } from './connection.js'

/** About two milliseconds of Redis' time, in which nobody else is served. */
const BATCH = 200
/** While Redis works on one call, the next is on its way. */
const MAX_CALLS = 2

interface Waiting {
  readonly id: string
  readonly place: Point | undefined
  resolve(beat: DriverBeat): void
  reject(error: unknown): void
}

export class Heartbeats {
  readonly #redis: PresenceConnection
  readonly #shard: number
  #waiting: Waiting[] = []
  #calls = 0

  constructor(redis: PresenceConnection, shard: number) {
    this.#redis = redis
    this.#shard = shard
  }

  beat(id: string, place: Point | undefined): Promise<DriverBeat> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ id, place, resolve, reject })
      // Whoever beats in this turn of the event loop comes along.
      if (this.#waiting.length === 1) queueMicrotask(() => this.#pump())
    })
  }

  #pump(): void {
    while (this.#waiting.length > 0 && this.#calls < MAX_CALLS) {
      this.#calls++
      this.#call(this.#waiting.splice(0, BATCH)).finally(() => {
        this.#calls--
        this.#pump()
      })
    }
  }

  async #call(batch: readonly Waiting[]): Promise<void> {
    const args = batch.flatMap(({ id, place }): Argument[] => [id, place?.lat ?? '', place?.lng ?? ''])
    try {
      const answers = (await this.#redis.run('presenceBeat', this.#shard, args)) as string[]
      for (const [i, { resolve }] of batch.entries()) resolve(toBeat(answers[i] ?? ''))
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }
}

function toBeat(answer: string): DriverBeat {
  const [transporterId = '', vehicleId, wasLapsed, isFirstPlace, areFactsOld] = answer.split('|')
  if (vehicleId === undefined) {
    return transporterId === '1' ? { isKnown: false, isRefill: true } : { isKnown: false }
  }
  return {
    isKnown: true,
    transporterId,
    vehicleId: vehicleId === '' ? undefined : vehicleId,
    wasLapsed: wasLapsed === '1',
    isFirstPlace: isFirstPlace === '1',
    ...(areFactsOld === '1' ? { areFactsOld: true } : {}),
  }
}
