import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { openRawSocket, type RawSocket } from '../test/support/network/raw-socket.js'
import type { ServerProcess } from '../test/support/server/server-process.js'
import { tokenFor } from '../test/support/server/tokens.js'

const run = promisify(execFile)
const SOCKETS = 5_000
/** The first sockets load code, pools and buffers, which are not counted for a socket. */
const FIRST_SOCKETS = 300
const AT_ONCE = 50
/** Time for a garbage collection. */
const SETTLE_MS = 8_000

/** Measures idle sockets of customers on the whole server, and as many on a bare Socket.IO server. */
export async function measureMemory(server: ServerProcess): Promise<void> {
  const ours = await perSocket(server.url, server.pid, i => tokenFor('customer', `idle-${i}`), 'ours')
  const bare = spawn(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(new URL('bare-server.ts', import.meta.url))],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const [line] = await once(bare.stdout, 'data')
  const theirs = await perSocket(String(line).trim(), bare.pid ?? 0, async () => 'none', 'bare')
  bare.kill('SIGKILL')
  const kb = (bytes: number) => `${(bytes / 1024).toFixed(1)} KB`
  console.log(`${SOCKETS} idle sockets: ${kb(ours)} each, beside ${kb(theirs)} on a bare Socket.IO server`)
}

/** Bytes of resident memory for each socket. */
async function perSocket(
  url: string,
  pid: number,
  token: (i: number) => Promise<string>,
  what: string,
): Promise<number> {
  const open: RawSocket[] = []
  const connectTo = async (count: number) => {
    while (open.length < count) {
      const batch = Array.from({ length: Math.min(AT_ONCE, count - open.length) }, async (_, i) =>
        answering(await openRawSocket(url, await token(open.length + i))),
      )
      open.push(...(await Promise.all(batch)))
      process.stderr.write(`\r${what}: ${open.length} of ${SOCKETS + FIRST_SOCKETS} sockets `)
    }
  }
  await connectTo(FIRST_SOCKETS)
  await delay(SETTLE_MS)
  const before = await residentBytes(pid)
  await connectTo(FIRST_SOCKETS + SOCKETS)
  process.stderr.write('\n')
  await delay(SETTLE_MS)
  const after = await residentBytes(pid)
  if (open.some(({ isClosed }) => isClosed)) throw new Error('Some sockets were closed')
  for (const { socket } of open) socket.destroy()
  return (after - before) / SOCKETS
}

/** A text frame with Engine.IO's ping packet. */
const PING = Buffer.of(0x81, 1, 0x32)

function answering(client: RawSocket): RawSocket {
  client.socket.on('data', chunk => {
    if (chunk.includes(PING)) client.send('3')
  })
  return client
}

async function residentBytes(pid: number): Promise<number> {
  const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)])
  return Number(stdout) * 1024
}
