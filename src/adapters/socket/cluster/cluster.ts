/*
 * What makes the sockets of several processes one: Socket.IO's adapter on two connections to Redis, one to publish and
 * one to listen. Delivery through it is at most once, as Redis' own is; what may have been missed is told, so
 * that it can be looked up in the database. Nothing here waits for Redis, and nothing ends the process.
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
  /** Both for this alone: a connection that has subscribed can do nothing else. */
  readonly connections: { readonly publisher: Redis; readonly subscriber: Redis }
  readonly log: Logger
  /** Prefix of all channels, so that another program may share the server. */
  readonly channelPrefix: string
  /** Set when Redis was just found to be unavailable, so that the start does not wait for it. */
  readonly patienceMs?: number
  /** For tests: how often it is looked whether messages come through. */
  readonly loopbackEveryMs?: number
}

export interface ClusterState {
  /** What other processes tell may not arrive here. */
  readonly isDeaf: boolean
  readonly waiting: number
  readonly dropped: number
}

export interface SocketCluster {
  readonly kind: AdapterKind
  state(): ClusterState
  /** Makes this server one of the cluster. `onMissed`: messages of the last so many milliseconds may be missing here. */
  join(io: Server, onMissed: (forMs: number) => void): void
  /** Has the other processes tell their sockets again what was told in the last so many milliseconds. */
  tellMissed(forMs: number): void
  /** Leaves the connections to whoever made them. */
  close(): void
}

/** Between processes: "of what was told in the last so many milliseconds, some may have missed something". */
const MISSED = 'missed'

/** Throws `SocketAdapterError` when this Redis cannot do what the adapter needs; one that is away for now is no error. */
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
              // A channel for each room would be one subscription for each user who is connected.
              subscriptionMode: 'static',
            })
          : createAdapter(publisher, subscriber, { key: channelPrefix })
      // Socket.IO calls it with `new`, so it cannot be an arrow.
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
          // Clients that were here meanwhile may have gone to others.
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
