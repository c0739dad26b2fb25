/*
 * Sockets: who may connect, which rooms a connection is in, how long it lasts.
 * A socket is in its user's room, and in a request's room only after its user was found to be allowed there.
 */
import type { Server as NodeServer } from 'node:http'
import type { Logger } from 'pino'
import { Server, type Socket } from 'socket.io'
import type { Caller, Dispatch } from '../../dispatch/api.js'
import { type Fanout, userRoom } from '../../dispatch/ports.js'
import type { TokenVerifier } from '../../dispatch/tokens.js'
import { authenticateSockets, type SocketData } from './authenticate.js'
import { atExpiry } from './expiry.js'
import { createFanout } from './fanout.js'
import { receiveMessages } from './receive.js'
import { createResumer, type Resumer } from './resume.js'

/** The longest message of a client's is a token of 4 KB at its handshake. */
const MAX_MESSAGE_BYTES = 16_384
/** A phone that has lost its network is noticed after both, before its presence (120 s) runs out. */
const PING_INTERVAL_MS = 25_000
const PING_TIMEOUT_MS = 20_000
/** From the connection to the token. */
const CONNECT_TIMEOUT_MS = 10_000
/** Beats for connected transporters in each span of presence: one may fail without their lapsing. */
const BEATS_PER_TTL = 3

export interface SocketServerOptions {
  readonly verifyToken: TokenVerifier
  readonly corsOrigins: readonly string[]
  /** A connected transporter counts as present: it is beaten for often enough. */
  readonly transporterTtlMs: number
  readonly log: Logger
}

export interface SocketServer {
  /** To be given to dispatch, before anybody can connect. */
  readonly fanout: Fanout
  /** Begins to take connections on this server. */
  attach(server: NodeServer, dispatch: Dispatch): void
  countConnections(): number
  /** Ends all connections; clients reconnect by themselves, to another process or a new one. */
  close(): Promise<void>
}

export function createSocketServer(options: SocketServerOptions): SocketServer {
  const { verifyToken, corsOrigins, transporterTtlMs, log } = options
  const io = new Server({
    serveClient: false,
    maxHttpBufferSize: MAX_MESSAGE_BYTES,
    pingInterval: PING_INTERVAL_MS,
    pingTimeout: PING_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    cors: { origin: corsOrigins.includes('*') ? '*' : [...corsOrigins] },
  })
  const resumer = createResumer()
  let beats: NodeJS.Timeout | undefined

  return {
    fanout: createFanout(io),
    attach(server, dispatch) {
      io.use(authenticateSockets(verifyToken, dispatch))
      io.on('connection', socket => welcome(socket, dispatch, resumer, log))
      io.attach(server)
      beats = setInterval(() => keepPresent(io, dispatch, log), transporterTtlMs / BEATS_PER_TTL).unref()
    },
    countConnections: () => io.of('/').sockets.size,
    async close() {
      clearInterval(beats)
      io.disconnectSockets(true)
      io.engine?.close()
    },
  }
}

function welcome(socket: Socket, dispatch: Dispatch, resumer: Resumer, log: Logger): void {
  const { caller, expiresAt } = socket.data as SocketData
  socket.once(
    'disconnect',
    atExpiry(expiresAt, () => socket.disconnect(true)),
  )
  const settled = settleIn(socket, caller, dispatch, resumer)
    .catch(error => log.warn({ err: error, userId: caller.id }, 'a socket was not welcomed in full'))
    .finally(() => {
      // It would wait in vain, or take what comes for all that there is. It connects again, with the point it has.
      if (socket.connected && !socket.rooms.has(userRoom(caller.id))) socket.conn.close()
    })
  receiveMessages({ socket, caller, dispatch, resumer }, log, settled)
}

async function settleIn(socket: Socket, caller: Caller, dispatch: Dispatch, resumer: Resumer): Promise<void> {
  const join = () => socket.join(userRoom(caller.id))
  const { after } = socket.handshake.auth
  if (after === undefined || after === null) await join()
  else if (!(await resumer.resume({ socket, caller, dispatch, after, join })).ok) {
    socket.conn.close()
    return
  }
  // Once more, now that it is in the room by which a deactivated user's sockets are found.
  if (!(await dispatch.isActive(caller))) {
    socket.disconnect(true)
    return
  }
  if (caller.role === 'transporter') await dispatch.connected(caller)
}

/** A connected socket is presence. Once for each user, however many sockets it has. */
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
