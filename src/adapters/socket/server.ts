/*
 * The socket server: authentication, rooms and the end of connections. A socket is in its person's room. It joins a
 * request's room only after a check that the person may see the request.
 */
import type { Server as NodeServer } from 'node:http'
import type { Logger } from 'pino'
import { Server, type Socket } from 'socket.io'
import type { Dispatch } from '../../dispatch/api.js'
import type { Caller } from '../../dispatch/person.js'
import { type Fanout, personKey, personRoom, type RateLimits } from '../../dispatch/ports.js'
import type { TokenVerifier } from '../../dispatch/tokens.js'
import { createAcknowledgedEmits } from './acknowledged.js'
import { authenticateSockets, type SocketData } from './authenticate.js'
import type { SocketCluster } from './cluster/cluster.js'
import { atExpiry } from './expiry.js'
import { createFanout, createLocalFanout, type Others } from './fanout.js'
import { guardConnection } from './guard.js'
import { limitHandshakes } from './handshakes.js'
import { type SocketLimits, socketLimits } from './limits.js'
import { receiveMessages } from './receive.js'
import { createResumer, type Resumer } from './resume.js'
import { sendAway } from './send-away.js'

/** Heartbeats for connected transporters in each lifetime of presence. One may fail without the presence expiring. */
const BEATS_PER_TTL = 3

export interface SocketServerOptions {
  /** Absent: no limit. */
  readonly rateLimits?: RateLimits
  readonly verifyToken: TokenVerifier
  readonly corsOrigins: readonly string[]
  /** How long a transporter's presence lasts. A connection renews it. */
  readonly transporterTtlMs: number
  readonly log: Logger
  /** The connection to other processes. Absent: there are none. */
  readonly cluster?: SocketCluster | undefined
  /** The releases of the other processes. Absent: all run this release. */
  readonly peers?: Others
  readonly limits?: SocketLimits
}

export interface SocketServer {
  /** For dispatch. Available before `attach`. */
  readonly fanout: Fanout
  /** The same, but only to the sockets of this process. */
  readonly localFanout: Fanout
  /** Starts accepting connections on `server`. Until then emits reach only the sockets of other processes. */
  attach(server: NodeServer, dispatch: Dispatch): void
  /** Sets the listener for lost messages: those of other processes in the last `forMs` may not have arrived here. */
  onMissed(listener: (forMs: number) => void): void
  countConnections(): number
  /** Refuses new connections and makes the present ones reconnect elsewhere. Resolves when all sockets were told. */
  sendAway(): Promise<void>
  /** Closes all connections. Clients reconnect by themselves to another process. */
  close(): Promise<void>
}

export function createSocketServer(options: SocketServerOptions): SocketServer {
  const {
    verifyToken,
    corsOrigins,
    transporterTtlMs,
    log,
    cluster,
    peers = { areOld: () => false },
    rateLimits = unlimited,
    limits = socketLimits,
  } = options
  const io = new Server({
    serveClient: false,
    // `limitHandshakes` refuses other transports with an explanation.
    transports: ['websocket'],
    // The HTTP server answers all other upgrades.
    destroyUpgrade: false,
    maxHttpBufferSize: limits.maxMessageBytes,
    pingInterval: limits.pingIntervalMs,
    pingTimeout: limits.pingTimeoutMs,
    connectTimeout: limits.connectTimeoutMs,
    allowRequest: (_request, answer) =>
      answer(null, !isLeaving && io.engine.clientsCount < limits.maxConnections),
    cors: { origin: corsOrigins.includes('*') ? '*' : [...corsOrigins] },
  })
  const acknowledged = createAcknowledgedEmits(io, cluster !== undefined)
  const resumer = createResumer(acknowledged)
  let isLeaving = false
  const rounds: NodeJS.Timeout[] = []
  const every = (ms: number, round: () => void) => rounds.push(setInterval(round, ms).unref())
  let redeliver = (_forMs: number) => {}
  cluster?.join(io, forMs => redeliver(forMs))

  return {
    fanout: createFanout(io, acknowledged, cluster === undefined ? undefined : peers),
    localFanout: createLocalFanout(io, acknowledged),
    attach(server, dispatch) {
      acknowledged.onAcknowledged(dispatch.acknowledged)
      io.use(authenticateSockets(verifyToken, rateLimits, dispatch))
      io.on('connection', socket => welcome({ socket, dispatch, resumer, limits, log }))
      io.attach(server)
      io.engine.use(limitHandshakes(rateLimits))
      io.engine.on('connection', connection => guardConnection(connection, limits, log))
      every(transporterTtlMs / BEATS_PER_TTL, () => keepPresent(io, dispatch, log))
      every(limits.checkSessionsEveryMs, () => dropEnded(io, dispatch, log))
    },
    onMissed(listener) {
      redeliver = listener
    },
    async sendAway() {
      isLeaving = true
      await sendAway(io)
    },
    countConnections: () => io.of('/').sockets.size,
    async close() {
      for (const round of rounds) clearInterval(round)
      acknowledged.stop()
      // Only our own sockets: through the adapter it would disconnect those of all processes.
      io.local.disconnectSockets(true)
      io.engine?.close()
      cluster?.close()
    },
  }
}

const unlimited: RateLimits = { ofAddress: () => undefined, ofUser: () => undefined }

interface Newcomer {
  readonly socket: Socket
  readonly dispatch: Dispatch
  readonly resumer: Resumer
  readonly limits: SocketLimits
  readonly log: Logger
}

function welcome(newcomer: Newcomer): void {
  const { socket, dispatch, resumer, limits, log } = newcomer
  const { caller, expiresAt } = socket.data as SocketData
  socket.once(
    'disconnect',
    atExpiry(expiresAt, () => socket.disconnect(true)),
  )
  const settled = settleIn(newcomer, caller)
    .catch(error => log.warn({ err: error, person: personKey(caller) }, 'a socket could not join its rooms'))
    .finally(() => {
      // Outside its room it would miss events without noticing. It reconnects and resumes from the id that it has.
      if (socket.connected && !socket.rooms.has(personRoom(caller))) socket.conn.close()
    })
  receiveMessages({ socket, caller, dispatch, resumer }, limits, log, settled)
}

/**
 * Limits a person's connections; the newest ones stay. A phone that lost its network reconnects before its old
 * connection is known to be dead. A room's sockets are in the order of their arrival.
 */
function dropOldest({ socket: { nsp }, limits, log }: Newcomer, caller: Caller): void {
  const own = nsp.adapter.rooms.get(personRoom(caller))
  if (own === undefined || own.size <= limits.maxConnectionsPerUser) return
  const [oldest] = own
  if (oldest === undefined) return
  log.warn(
    { person: personKey(caller), connections: own.size },
    'disconnected the oldest socket of a person with too many',
  )
  nsp.sockets.get(oldest)?.disconnect(true)
}

async function settleIn(newcomer: Newcomer, caller: Caller): Promise<void> {
  const { socket, dispatch, resumer } = newcomer
  const join = async () => {
    await socket.join(personRoom(caller))
    dropOldest(newcomer, caller)
  }
  const { after } = socket.handshake.auth
  if (after === undefined || after === null) await join()
  else if (!(await resumer.resume({ socket, caller, dispatch, after, join })).ok) {
    socket.conn.close()
    return
  }
  // Checked again inside the room, because the end of a session disconnects the sockets that are in the room by then.
  if (!(await dispatch.admit(socket.data as SocketData)).ok) {
    socket.disconnect(true)
    return
  }
  if (caller.role === 'transporter') await dispatch.connected(caller)
}

/** Disconnects sockets of ended sessions, in case the message about the end did not reach this process. */
function dropEnded(io: Server, dispatch: Dispatch, log: Logger): void {
  const sockets = [...io.of('/').sockets.values()]
  if (sockets.length === 0) return
  const tokens = new Map(sockets.map(socket => [socket.data as SocketData, socket]))
  dispatch.endedAmong([...tokens.keys()]).then(
    ended => {
      for (const token of ended) tokens.get(token)?.disconnect(true)
    },
    error => log.warn({ err: error }, 'could not check the connected people for ended sessions'),
  )
}

/** Renews the presence of connected transporters, once for each, however many sockets it has. */
function keepPresent(io: Server, dispatch: Dispatch, log: Logger): void {
  const transporters = new Set<string>()
  for (const socket of io.of('/').sockets.values()) {
    const { caller } = socket.data as SocketData
    if (caller.role === 'transporter') transporters.add(caller.id)
  }
  if (transporters.size === 0) return
  dispatch
    .stillConnected([...transporters])
    .catch(error => log.warn({ err: error }, 'could not renew the presence of connected transporters'))
}
