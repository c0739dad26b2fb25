/* One user's connection, as an app would have it: the client, which delivers each event once. */
import { type Beat, createClient, type LoadcastEvent } from '../src/client/index.js'
import type { Ledger } from './ledger.js'

export interface Connection {
  /** Starts to receive events and to send heartbeats. */
  open(): Promise<void>
  close(): void
}

export interface ConnectionOptions {
  readonly url: string
  readonly token: string
  readonly handle: (event: LoadcastEvent) => void
  readonly beat?: (() => Beat) | undefined
}

/** Events that should not happen in a show without accidents are recorded as surprises. */
export function createConnection(options: ConnectionOptions, ledger: Ledger): Connection {
  const { url, token, handle, beat } = options
  const client = createClient({ url, token, ...(beat === undefined ? {} : { beat }) })
  let isClosing = false
  client.on('event', event => {
    ledger.add('socket events')
    handle(event)
  })
  client.on('dropped', ({ why }) =>
    ledger.add(why === 'known' ? 'events delivered again' : 'events older than known'),
  )
  client.on('disconnected', ({ reason }) => {
    if (!isClosing) ledger.surprise(`a socket was disconnected: ${reason}`)
  })
  client.on('resync', () => ledger.surprise('a socket was told to begin anew'))
  client.on('problem', problem => ledger.surprise(`heartbeat: ${JSON.stringify(problem)}`))
  return {
    async open() {
      const connected = await client.connect()
      if (!connected.ok) throw new Error(`A socket could not connect: ${connected.problem.title}`)
    },
    close() {
      isClosing = true
      client.close()
    },
  }
}
