/*
 * Sockets: who may connect, which rooms a connection is in, how long it lasts.
 * A socket is in its person's room, and in a request's room only after its person was found to be allowed there.
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

/** Beats for connected transporters in each span of presence: one may fail without their lapsing. */
const BEATS_PER_TTL = 3

export interface SocketServerOptions {
  /** Absent: anybody may connect as often as they like. */
  readonly rateLimits?: RateLimits
  readonly verifyToken: TokenVerifier
  readonly corsOrigins: readonly string[]
  /** A connected transporter counts as present: it is beaten for often enough. */
  readonly transporterTtlMs: number
  readonly log: Logger
  /** Joins the sockets of other processes. Absent: there are none. */
  readonly cluster?: SocketCluster | undefined
  /** What is known of the processes of the cluster. Absent: they are of this release. */
  readonly peers?: Others
  readonly limits?: SocketLimits
}

export interface SocketServer {
  /** To be given to dispatch, before anybody can connect. */
  readonly fanout: Fanout
  /** The same, but to the sockets of this process alone. */
  readonly localFanout: Fanout
  /** Begins to take connections on this server. Without it emits reach the sockets of other processes only. */
  attach(server: NodeServer, dispatch: Dispatch): void
  /** `listener` is called when what other processes told in the last so many milliseconds may not have arrived here. */
  onMissed(listener: (forMs: number) => void): void
  countConnections(): number
  /** Takes no more connections, and has those there are reconnect elsewhere; resolves when all have been told. */
  sendAway(): Promise<void>
  /** Ends all connections; clients reconnect by themselves, to another process or a new one. */
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
    // `limitHandshakes` refuses anything else, with an explanation.
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
      // Ours alone: through the adapter it would be everybody's.
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
    .catch(error => log.warn({ err: error, person: personKey(caller) }, 'a socket was not welcomed in full'))
    .finally(() => {
      // It would wait in vain, or take what comes for all that there is. It connects again, with the point it has.
      if (socket.connected && !socket.rooms.has(personRoom(caller))) socket.conn.close()
    })
  receiveMessages({ socket, caller, dispatch, resumer }, limits, log, settled)
}

/**
 * Of a person's connections the newest count: a phone that lost its network comes back before the old one is known
 * to be gone. A room's sockets are in the order in which they came.
 */
function dropOldest({ socket: { nsp }, limits, log }: Newcomer, caller: Caller): void {
  const own = nsp.adapter.rooms.get(personRoom(caller))
  if (own === undefined || own.size <= limits.maxConnectionsPerUser) return
  const [oldest] = own
  if (oldest === undefined) return
  log.warn(
    { person: personKey(caller), connections: own.size },
    'the oldest of a person’s many sockets is cut off',
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
  // Once more, now that it is in the room by which the sockets of ended sessions are found.
  if (!(await dispatch.admit(socket.data as SocketData)).ok) {
    socket.disconnect(true)
    return
  }
  if (caller.role === 'transporter') await dispatch.connected(caller)
}

/** For when this process has not heard that sessions were ended. */
function dropEnded(io: Server, dispatch: Dispatch, log: Logger): void {
  const sockets = [...io.of('/').sockets.values()]
  if (sockets.length === 0) return
  const tokens = new Map(sockets.map(socket => [socket.data as SocketData, socket]))
  dispatch.endedAmong([...tokens.keys()]).then(
    ended => {
      for (const token of ended) tokens.get(token)?.disconnect(true)
    },
    error => log.warn({ err: error }, 'it was not seen which connected people are signed out'),
  )
}

/** A connected socket is presence. Once for each transporter, however many sockets it has. */
function keepPresent(io: Server, dispatch: Dispatch, log: Logger): void {
  const transporters = new Set<string>()
  for (const socket of io.of('/').sockets.values()) {
    const { caller } = socket.data as SocketData
    if (caller.role === 'transporter') transporters.add(caller.id)
  }
  if (transporters.size === 0) return
  dispatch
    .stillConnected([...transporters])
    .catch(error => log.warn({ err: error }, 'connected transporters were not kept present'))
}
