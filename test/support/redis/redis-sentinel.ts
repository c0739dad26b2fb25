/* A real master, a replica and three sentinels for tests. A dead master is replaced within about three seconds. */
import { until } from '../engine/engine.js'
import { askRedis, type RedisServer, type RedisServerOptions, startRedisServer } from './redis-server.js'

export interface RedisSentinels {
  /** The URL of the sentinels, in the form of REDIS_URL. */
  readonly url: string
  readonly servers: readonly RedisServer[]
  readonly sentinels: readonly RedisServer[]
  /** The server that most sentinels consider the master now. */
  master(): Promise<RedisServer>
  /** Resolves when the sentinels agree, and the replica follows the master. */
  settled(): Promise<void>
  /** A manual failover: the old master keeps running, as a replica. */
  failOver(): Promise<void>
  stop(): Promise<void>
}

export const MASTER_NAME = 'loadcast-test'
const DOWN_AFTER_MS = 1_000
const SETTLE_TIMEOUT_MS = 30_000

/** Starts a master, a replica and sentinels. Over 70 lines because its faults share these processes. */
export async function startSentinels(
  options: {
    readonly config?: readonly string[]
    readonly tls?: RedisServerOptions['tls']
    /** Configuration lines of the sentinels only. */
    readonly sentinelConfig?: readonly string[]
    readonly userInfo?: string
    /** Parameters of the URL. */
    readonly query?: string
  } = {},
): Promise<RedisSentinels> {
  const { config = [], sentinelConfig = [], userInfo = '', query = '', tls } = options
  const host = tls === undefined ? '127.0.0.1' : 'localhost'
  const secure = tls === undefined ? {} : { tls }
  const own = ['repl-diskless-sync-delay 0', ...(tls === undefined ? [] : ['tls-replication yes']), ...config]
  const first = await startRedisServer({ config: own, ...secure })
  const second = await startRedisServer({ config: [...own, `replicaof ${host} ${first.port}`], ...secure })
  const servers = [first, second]
  const sentinels = await Promise.all(
    [1, 2, 3].map(() =>
      startRedisServer({
        isSentinel: true,
        ...secure,
        config: [
          ...(tls === undefined
            ? []
            : ['tls-replication yes', 'sentinel resolve-hostnames yes', 'sentinel announce-hostnames yes']),
          `sentinel monitor ${MASTER_NAME} ${host} ${first.port} 2`,
          `sentinel down-after-milliseconds ${MASTER_NAME} ${DOWN_AFTER_MS}`,
          `sentinel failover-timeout ${MASTER_NAME} 3000`,
          ...sentinelConfig,
        ],
      }),
    ),
  )

  const ask = <T>(sentinel: RedisServer, ...args: string[]) => askRedis<T>(sentinel, 'SENTINEL', args, tls)

  async function master(): Promise<RedisServer> {
    const ports = await Promise.all(
      sentinels.map(async s => (await ask<[string, string]>(s, 'get-master-addr-by-name', MASTER_NAME))[1]),
    )
    const [port] = ports
      .map(candidate => ({ candidate, votes: ports.filter(other => other === candidate).length }))
      .sort((a, b) => b.votes - a.votes)
    const found = servers.find(server => String(server.port) === port?.candidate)
    if (found === undefined) throw new Error(`The sentinels name a stranger: ${ports}`)
    return found
  }

  async function settled(): Promise<void> {
    await until(async () => {
      const names = await Promise.all(sentinels.map(s => ask<string[]>(s, 'MASTER', MASTER_NAME)))
      const [replica] = await ask<string[][]>(sentinels[0] as RedisServer, 'REPLICAS', MASTER_NAME)
      return (
        new Set(names.map(facts => factOf(facts, 'port'))).size === 1 &&
        replica !== undefined &&
        factOf(replica, 'flags') === 'slave' &&
        factOf(replica, 'master-link-status') === 'ok'
      )
    }, SETTLE_TIMEOUT_MS)
  }

  // Sentinels elect no master until they know each other and the replica.
  await until(async () => {
    const facts = await Promise.all(sentinels.map(s => ask<string[]>(s, 'MASTER', MASTER_NAME)))
    return facts.every(
      fact => factOf(fact, 'num-other-sentinels') === '2' && factOf(fact, 'num-slaves') === '1',
    )
  }, SETTLE_TIMEOUT_MS)

  return {
    url: `${tls === undefined ? 'redis' : 'rediss'}://${userInfo}${sentinels.map(({ port }) => `${host}:${port}`).join(',')}/${MASTER_NAME}${query}`,
    servers,
    sentinels,
    master,
    settled,
    async failOver() {
      const [sentinel] = sentinels
      const before = await master()
      // A failover is refused until the replica is known to be healthy, and for a while after another failover.
      await until(
        async () =>
          sentinel !== undefined &&
          (await ask(sentinel, 'FAILOVER', MASTER_NAME).then(
            () => true,
            () => false,
          )),
        SETTLE_TIMEOUT_MS,
      )
      await until(async () => (await master()) !== before, SETTLE_TIMEOUT_MS)
    },
    async stop() {
      await Promise.all([...sentinels, ...servers].map(server => server.stop()))
    },
  }
}

const factOf = (facts: readonly string[], name: string) => facts[facts.indexOf(name) + 1]
