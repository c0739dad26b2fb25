/* Limits on what one client, or a crowd of clients, can cost this process. */

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
  /** The longest message of a client is its handshake with a token of 4 KB. */
  maxMessageBytes: 16_384,
  /** A lost phone is noticed after both together, before its presence (120 s) expires. */
  pingIntervalMs: 25_000,
  pingTimeoutMs: 20_000,
  /** From the opening of the connection to the token. */
  connectTimeoutMs: 10_000,
  /**
   * A client sends a heartbeat every 12 s and watches the requests that it opens. More messages mean a loop in the
   * client.
   */
  messagesPerSecond: 10,
  messageBurst: 40,
  /**
   * Packets of any kind, counted below Socket.IO. Packets that never become a message cost time too: pings, incomplete
   * binary messages, other namespaces. Far above the limit of messages, so that a merely hasty client gets a refusal
   * first.
   */
  packetsPerSecond: 50,
  packetBurst: 500,
  /**
   * Bytes that may wait in this process for one client that does not read. Twice the longest resume, so that a slow
   * phone can reconnect. Without a bound a few hundred stuck clients would fill the memory.
   */
  maxWaitingBytes: 2_097_152,
  /**
   * A depot with a screen on every desk signs in as one transporter. More sockets mean a loop in the client; the oldest
   * are closed.
   */
  maxConnectionsPerUser: 50,
  /** A gigabyte, at under 50 KB each. The balancer sends further clients to another process. */
  maxConnections: 20_000,
  /**
   * How often all sockets are checked for ended sessions. Usually they are closed within a second
   * (dispatch/auth/session-watch.ts). This check finds ends that became visible long after their own time, for example
   * when a commit waited for a standby.
   */
  checkSessionsEveryMs: 15_000,
}
