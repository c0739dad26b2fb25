/* What one client, or a crowd of them, may cost this process. */

export interface SocketLimits {
  readonly maxMessageBytes: number
  readonly pingIntervalMs: number
  readonly pingTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly messagesPerSecond: number
  readonly messageBurst: number
  readonly packetsPerSecond: number
  readonly packetBurst: number
  readonly maxWaitingBytes: number
  readonly maxConnectionsPerUser: number
  readonly maxConnections: number
  readonly checkSessionsEveryMs: number
}

export const socketLimits: SocketLimits = {
  /** The longest message of a client's is a token of 4 KB at its handshake. */
  maxMessageBytes: 16_384,
  /** A phone that has lost its network is noticed after both, before its presence (120 s) runs out. */
  pingIntervalMs: 25_000,
  pingTimeoutMs: 20_000,
  /** From the connection to the token. */
  connectTimeoutMs: 10_000,
  /** A client beats every 12 s and watches what it opens. More is a loop in it. */
  messagesPerSecond: 10,
  messageBurst: 40,
  /**
   * Packets of any kind, counted below Socket.IO: those that never become a message (pings, half a binary
   * message, other namespaces) cost time too. Well above what messages are allowed, so that a client which is
   * merely too quick is told so first.
   */
  packetsPerSecond: 50,
  packetBurst: 500,
  /**
   * What may wait in this process for one client that does not read: twice the longest resume, so that a slow phone
   * that comes back is not cut off for it. Without a bound, a few hundred that are stuck would fill the memory.
   */
  maxWaitingBytes: 2_097_152,
  /** A depot with a screen on every desk signs in as one transporter. More is a client that loops: the oldest go. */
  maxConnectionsPerUser: 50,
  /** At under 50 KB each, a gigabyte. Whoever comes then is sent to another process by the balancer. */
  maxConnections: 20_000,
  /**
   * Sockets of ended sessions are cut off within a second (dispatch/auth/session-watch.ts). An end that became visible long
   * after the time it bears, as of a commit that waited for a standby, is found this much later.
   */
  checkSessionsEveryMs: 15_000,
}
