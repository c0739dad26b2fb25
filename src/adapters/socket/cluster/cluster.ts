/*
 * Joins the sockets of several processes: Socket.IO's adapter on two connections to Redis, one to publish and one to
 * subscribe. Delivery is at most once, like that of Redis. Possible losses are reported, so that the events can be read
 * from the database. Nothing here waits for Redis, and no failure ends the process.
 */
import { randomBytes } from 'node:crypto'
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter'
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import type { Server } from 'socket.io'
import { startLoopbackCheck } from './loopback-check.js'
import { understandOldRooms } from './old-rooms.js'
import { Publisher } from './publisher.js'
import { type AdapterKind, assertSubscribes } from './start-check.js'
import { Subscriber } from './subscriber.js'

export interface SocketClusterOptions {
  readonly kind: AdapterKind
  /** Used only by the cluster: a connection with subscriptions cannot run other commands. */
  readonly connections: { readonly publisher: Redis; readonly subscriber: Redis }
  readonly log: Logger
  /** The prefix of all channels, so that other programs can share the server. */
  readonly channelPrefix: string
  /** Set it when Redis was just found to be unavailable, so that the start does not wait for it again. */
  readonly patienceMs?: number
  /** How often the loopback check sends a message. Tests set it. */
  readonly loopbackEveryMs?: number
}

export interface ClusterState {
  /** Whether messages of other processes may fail to arrive here. */
  readonly isDeaf: boolean
  readonly waiting: number
  readonly dropped: number
}

export interface SocketCluster {
  readonly kind: AdapterKind
  state(): ClusterState
  /** Makes `io` part of the cluster. Calls `onMissed` when messages of the last `forMs` may not have arrived here. */
  join(io: Server, onMissed: (forMs: number) => void): void
  /** Makes the other processes redeliver the events of the last `forMs` to their sockets. */
  tellMissed(forMs: number): void
  /** Stops. The connections stay open; their owner closes them. */
  close(): void
}

/** The message between processes: events of the last so many milliseconds may not have arrived. */
const MISSED = 'missed'

/** Throws `SocketAdapterError` if Redis lacks what the adapter needs. An unavailable Redis is no error. */
export async function createSocketCluster(options: SocketClusterOptions): Promise<SocketCluster> {
  const { kind, connections, log, channelPrefix, loopbackEveryMs } = options
  await assertSubscribes({ ...options, subscriber: connections.subscriber })
  const subscriber = new Subscriber(connections.subscriber, log)
  let tellMissed = (_forMs: number) => {}
  let onRecovered = (_afterMs: number) => {}
  const publisher = new Publisher(connections.publisher, afterMs => onRecovered(afterMs))
  let loopback: ReturnType<typeof startLoopbackCheck> | undefined

  return {
    kind,
    state: () => ({
      isDeaf: loopback?.isDeaf ?? false,
      waiting: publisher.waiting,
      dropped: publisher.dropped,
    }),
    join(io, onMissed) {
      const createOne =
        kind === 'sharded'
          ? createShardedAdapter(publisher, subscriber, {
              channelPrefix,
              // With a channel for each room there would be one subscription for each connected user.
              subscriptionMode: 'static',
            })
          : createAdapter(publisher, subscriber, { key: channelPrefix })
      // Socket.IO calls it with `new`, so it cannot be an arrow function.
      function createBilingual(namespace: unknown) {
        return understandOldRooms(createOne(namespace))
      }
      io.adapter(createBilingual as typeof createOne)
      tellMissed = forMs => io.serverSideEmit(MISSED, forMs)
      onRecovered = afterMs => io.serverSideEmit(MISSED, afterMs)
      io.on(MISSED, (forMs: unknown) => {
        if (typeof forMs === 'number') onMissed(forMs)
      })
      loopback = startLoopbackCheck({
        publisher,
        subscriber,
        connections,
        channel: `${channelPrefix}-echo#${randomBytes(8).toString('hex')}`,
        isSharded: kind === 'sharded',
        ...(loopbackEveryMs === undefined ? {} : { everyMs: loopbackEveryMs }),
        log,
        onHeardAgain(deafForMs) {
          onMissed(deafForMs)
          // Clients of this process may have reconnected to other processes in the meantime.
          io.serverSideEmit(MISSED, deafForMs)
        },
      })
    },
    tellMissed: forMs => tellMissed(forMs),
    close() {
      loopback?.stop()
      subscriber.detach()
    },
  }
}
