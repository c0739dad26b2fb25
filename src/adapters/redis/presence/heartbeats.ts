/*
 * Sends the heartbeats of one shard in batches. While calls to Redis are in progress, further heartbeats wait for the
 * next one. A single heartbeat does not wait, and ten thousand a second become a few hundred calls.
 */
import { Batcher, inThisTick } from '../../../concurrency/batcher.js'
import type { DriverBeat, Point } from '../../../dispatch/ports.js'
import type { Argument, PresenceConnection } from './connection.js'

/** About two milliseconds of Redis' time, during which it serves no other client. */
const BATCH = 200
/** One call travels while Redis works on the other. */
const MAX_CALLS = 2

interface Beat {
  readonly id: string
  readonly place: Point | undefined
}

export class Heartbeats {
  readonly #batcher: Batcher<Beat, DriverBeat>

  constructor(redis: PresenceConnection, shard: number) {
    this.#batcher = new Batcher({
      maxBatch: BATCH,
      maxCalls: MAX_CALLS,
      begin: inThisTick,
      async work(beats) {
        const args = beats.flatMap(({ id, place }): Argument[] => [id, place?.lat ?? '', place?.lng ?? ''])
        const answers = (await redis.run('presenceBeat', shard, args)) as string[]
        return beats.map((_beat, i) => toBeat(answers[i] ?? ''))
      },
    })
  }

  beat(id: string, place: Point | undefined): Promise<DriverBeat> {
    return this.#batcher.add({ id, place })
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
