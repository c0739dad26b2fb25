/*
 * The socket server alone, where every user may do everything. For tests of what connections cost and which sockets an
 * emit reaches.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Logger, pino } from 'pino'
import type { RedisMode } from '../../../src/adapters/redis/address.js'
import { connectRedis } from '../../../src/adapters/redis/connection.js'
import { createSocketCluster, type SocketCluster } from '../../../src/adapters/socket/cluster/cluster.js'
import type { AdapterKind } from '../../../src/adapters/socket/cluster/start-check.js'
import { type SocketLimits, socketLimits } from '../../../src/adapters/socket/limits.js'
import { createSocketServer, type SocketServer } from '../../../src/adapters/socket/server.js'
import { createTokenVerifier } from '../../../src/adapters/tokens/jwt.js'
import type { Dispatch } from '../../../src/dispatch/api.js'
import { ok, problem } from '../../../src/dispatch/problems.js'
import type { VerifiedToken } from '../../../src/dispatch/tokens.js'
import { TEST_SECRET } from './tokens.js'

export interface SocketsAlone {
  readonly url: string
  readonly sockets: SocketServer
  /** The logged lines of JSON. */
  readonly lines: readonly string[]
  /** Users that are turned off. */
  readonly inactive: Set<string>
  close(): Promise<void>
}

export async function startSocketsAlone(
  options: { limits?: Partial<SocketLimits>; cluster?: SocketCluster } = {},
): Promise<SocketsAlone> {
  const lines: string[] = []
  const inactive = new Set<string>()
  const log: Logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) })
  const dispatch = {
    admit: async ({ caller }: VerifiedToken) =>
      inactive.has(caller.id) ? problem('USER_INACTIVE') : ok(caller),
    endedAmong: async (tokens: readonly VerifiedToken[]) =>
      tokens.filter(({ caller }) => inactive.has(caller.id)),
    mayWatch: async () => true,
    transporterHeartbeat: async () => ok(undefined),
    connected: async () => {},
    stillConnected: async () => {},
  } as unknown as Dispatch
  const sockets = createSocketServer({
    verifyToken: createTokenVerifier({ secret: TEST_SECRET }),
    corsOrigins: [],
    transporterTtlMs: 60_000,
    log,
    limits: { ...socketLimits, ...options.limits },
    cluster: options.cluster,
  })
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  sockets.attach(server, dispatch)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sockets,
    lines,
    inactive,
    async close() {
      await sockets.close()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export interface ClusteredSockets extends SocketsAlone {
  readonly cluster: SocketCluster
  /** For each report that messages may be missing: for how many milliseconds back. */
  readonly missed: readonly number[]
}

/** The same with Redis, as one of several servers. */
export async function startClusteredSockets(
  url: string,
  kind: AdapterKind = 'classic',
  options: { caFile?: string; loopbackEveryMs?: number; publisherUrl?: string; mode?: RedisMode } = {},
): Promise<ClusteredSockets> {
  const { caFile, loopbackEveryMs, publisherUrl = url, mode = 'standalone' } = options
  const channelPrefix = mode === 'cluster' ? '{loadcast}' : 'loadcast'
  const log = pino({ level: 'silent' })
  const connect = (to: string) =>
    connectRedis({
      url: to,
      mode,
      slotOf: channelPrefix,
      purpose: 'test',
      log,
      commandTimeoutMs: 700,
      ...(caFile ? { caFile } : {}),
    })
  const connections = { publisher: connect(publisherUrl), subscriber: connect(url) }
  const disconnect = () => {
    for (const redis of Object.values(connections)) redis.disconnect()
  }
  const cluster = await createSocketCluster({
    kind,
    connections,
    log,
    channelPrefix,
    ...(loopbackEveryMs === undefined ? {} : { loopbackEveryMs }),
  }).catch(error => {
    disconnect()
    throw error
  })
  const alone = await startSocketsAlone({ cluster })
  const missed: number[] = []
  alone.sockets.onMissed(forMs => void missed.push(forMs))
  return {
    ...alone,
    cluster,
    missed,
    async close() {
      await alone.close()
      disconnect()
    },
  }
}
