/*
 * The socket server with nothing behind it: everybody may do everything. For tests of what connections cost, and of
 * whom an emit reaches.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Logger, pino } from 'pino'
import type { SocketCluster } from '../../src/adapters/socket/cluster/cluster.js'
import { type SocketLimits, socketLimits } from '../../src/adapters/socket/limits.js'
import { createSocketServer, type SocketServer } from '../../src/adapters/socket/server.js'
import { createTokenVerifier } from '../../src/adapters/tokens/jwt.js'
import type { Dispatch } from '../../src/dispatch/api.js'
import { ok } from '../../src/dispatch/problems.js'
import { TEST_SECRET } from './tokens.js'

export interface SocketsAlone {
  readonly url: string
  readonly sockets: SocketServer
  /** What was logged, a line of JSON each. */
  readonly lines: readonly string[]
  /** These are turned off from now on. */
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
    isActive: async ({ id }: { id: string }) => !inactive.has(id),
    inactiveAmong: async (ids: readonly string[]) => ids.filter(id => inactive.has(id)),
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
