import { createServer } from 'node:net'

/** Returns the preferred port if it is free on 127.0.0.1, so that it seldom changes between starts. Otherwise a free one. */
export async function freePort(preferred: number | undefined): Promise<number> {
  if (preferred !== undefined) {
    const port = await tryPort(preferred)
    if (port !== undefined) return port
  }
  const port = await tryPort(0)
  if (port === undefined) throw new Error('The system gave no free port on 127.0.0.1.')
  return port
}

function tryPort(port: number): Promise<number | undefined> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen({ port, host: '127.0.0.1' }, () => {
      const address = server.address()
      const bound = address !== null && typeof address === 'object' ? address.port : undefined
      server.close(() => resolve(bound))
    })
  })
}
