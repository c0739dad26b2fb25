/* Opens two connections to Redis and the socket cluster on them, because adapters do not import one another. */
import type { Logger } from 'pino'
import type { HealthCheck } from '../adapters/http/health.js'
import { assertRedisFits, connectRedis } from '../adapters/redis/connection.js'
import { createSocketCluster, type SocketCluster } from '../adapters/socket/cluster/cluster.js'
import type { Settings } from './settings/settings.js'

/**
 * No request waits for a publish. If Redis is slow for seconds, the waiting messages are still sent. After this time
 * they count as lost, and are redelivered when Redis is back.
 */
const PUBLISH_TIMEOUT_MS = 5_000
/** All releases of one installation must use the same prefix. */
const CHANNEL_PREFIX = 'loadcast'
/** The braces make it a hash tag: one node of a cluster serves all channels, and both connections go to it. */
const CLUSTER_CHANNEL_PREFIX = `{${CHANNEL_PREFIX}}`
/** Some seconds of a busy process. */
const MAX_WAITING_PUBLISHES = 10_000

export interface OpenCluster {
  readonly cluster: SocketCluster
  /** Waits until Redis has what was published, if Redis is available. */
  close(): Promise<void>
}

/** Adds the cluster's state to the health of Redis. While it is deaf, sockets miss messages of other processes. */
export function withCluster(check: HealthCheck, open: OpenCluster | undefined): HealthCheck {
  if (open === undefined) return check
  return async () => {
    const redis = await check()
    const { isDeaf, ...counts } = open.cluster.state()
    const sockets = { sockets: isDeaf ? 'alone' : 'joined', ...counts }
    return { ...redis, ...sockets, status: isDeaf && redis.status === 'ok' ? 'degraded' : redis.status }
  }
}

/** Returns `undefined` without Redis: one process is no cluster. Throws `SocketAdapterError` or `RedisModeError`. */
export async function openSocketCluster(
  { redisUrl, redisMode: mode, socketAdapter }: Pick<Settings, 'redisUrl' | 'redisMode' | 'socketAdapter'>,
  log: Logger,
): Promise<OpenCluster | undefined> {
  if (redisUrl === undefined) return undefined
  await assertRedisFits({ url: redisUrl, mode })
  const channelPrefix = mode === 'cluster' ? CLUSTER_CHANNEL_PREFIX : CHANNEL_PREFIX
  const place = { url: redisUrl, mode, slotOf: channelPrefix, log }
  const publisher = connectRedis({
    ...place,
    purpose: 'sockets-publish',
    commandTimeoutMs: PUBLISH_TIMEOUT_MS,
    maxQueuedCommands: MAX_WAITING_PUBLISHES,
  })
  const subscriber = connectRedis({ ...place, purpose: 'sockets-listen' })
  const disconnect = () => {
    publisher.disconnect()
    subscriber.disconnect()
  }
  try {
    const connections = { publisher, subscriber }
    const cluster = await createSocketCluster({ kind: socketAdapter, connections, log, channelPrefix })
    return {
      cluster,
      async close() {
        if (publisher.status === 'ready') await publisher.quit().catch(() => {})
        disconnect()
      },
    }
  } catch (error) {
    disconnect()
    throw error
  }
}
