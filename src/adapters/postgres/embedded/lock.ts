/*
 * Only one process holds a DATA_DIR. The kernel keeps the lock and releases it when the holder ends, however it ends. So
 * there is no stale file, and no pid that a later process might have.
 * Linux: an abstract socket, named after the folder's device and inode, which also answers with the holder's pid.
 * macOS: a file opened with O_EXLOCK (flock), which contains the pid.
 * The lock does not work across containers: it does not guard a volume that two of them share.
 */
import { constants } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { EmbeddedPostgresHeldError } from './error.js'
import { errorCode } from './system-error.js'

export interface Lock {
  release(): Promise<void>
}

/** The holder answers from its event loop, which may be busy while it starts. */
const HOLDER_ANSWER_MS = 3_000

/**
 * The length of an address of unix(7). Node 20 counts the NULs after an abstract name as part of it, and Node 22 does not.
 * A name of full length is the same for both, so processes of both versions see each other's lock.
 */
const SUN_PATH_LENGTH = 108

/** `O_EXLOCK` of macOS and the BSDs, which Node does not name. */
const O_EXLOCK = 0x20

/** Takes the lock of an existing folder. Throws `EmbeddedPostgresHeldError` at once if a live process has it. */
export function acquireLock(dataDir: string): Promise<Lock> {
  return process.platform === 'linux' ? lockBySocket(dataDir) : lockByFile(dataDir)
}

async function lockBySocket(dataDir: string): Promise<Lock> {
  const { dev, ino } = await stat(dataDir, { bigint: true })
  const path = `\0loadcast-data-dir-${dev}-${ino}`.padEnd(SUN_PATH_LENGTH, '\0')
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.end(`${process.pid}\n`)
  })
  if (!(await listening(server, path))) {
    throw new EmbeddedPostgresHeldError(dataDir, await askHolder(path))
  }
  server.unref()
  return { release: () => new Promise(resolve => server.close(() => resolve())) }
}

/** Resolves with false if the name is taken. */
function listening(server: Server, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once('error', error => {
      if ('code' in error && error.code === 'EADDRINUSE') resolve(false)
      else reject(error)
    })
    server.listen({ path }, () => resolve(true))
  })
}

function askHolder(path: string): Promise<number | undefined> {
  return new Promise(resolve => {
    let answer = ''
    const socket = connect({ path })
    socket.setTimeout(HOLDER_ANSWER_MS, () => socket.destroy())
    socket.on('data', chunk => {
      answer += chunk
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(parsePid(answer)))
  })
}

async function lockByFile(dataDir: string): Promise<Lock> {
  const path = join(dataDir, 'lock')
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NONBLOCK | O_EXLOCK
  let file: FileHandle
  try {
    file = await open(path, flags, 0o600)
  } catch (error) {
    if (errorCode(error) !== 'EAGAIN') throw error
    const holder = await open(path, 'r')
    const pid = parsePid(await holder.readFile('utf8').finally(() => holder.close()))
    throw new EmbeddedPostgresHeldError(dataDir, pid)
  }
  await file.truncate()
  await file.write(`${process.pid}\n`)
  return { release: () => file.close() }
}

function parsePid(text: string): number | undefined {
  return /^\d+\n$/.test(text) ? Number(text) : undefined
}
