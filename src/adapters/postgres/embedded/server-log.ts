import { constants } from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import type { Place } from './place.js'

/** Past this, a start sets the log aside (one is kept), so that it cannot fill the disk over the years. */
const LOG_FILE_BYTES = 10_000_000

/** What the server says goes to its end. Never follows a link: as root the file is ours, its neighbours are not. */
export async function openLog(place: Place): Promise<FileHandle> {
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW } = constants
  const openIt = () => open(place.logFile, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600)
  const file = await openIt()
  if ((await file.stat()).size < LOG_FILE_BYTES) return file
  await file.close()
  await rename(place.logFile, `${place.logFile}.old`)
  return openIt()
}

/** The first 8 kB after `position`: a server that does not start says why at once. */
export async function textSince(file: FileHandle, position: number): Promise<string> {
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(8_000), position })
  return buffer.toString('utf8', 0, bytesRead)
}
