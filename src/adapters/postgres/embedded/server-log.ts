import { constants } from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import type { Place } from './place.js'

/** A start sets a larger log aside and keeps one old log, so that logs cannot fill the disk over the years. */
const LOG_FILE_BYTES = 10_000_000

/** Opens the server's log for appending. It never follows a link: root owns the file, but not all files beside it. */
export async function openLog(place: Place): Promise<FileHandle> {
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW } = constants
  const openIt = () => open(place.logFile, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600)
  const file = await openIt()
  if ((await file.stat()).size < LOG_FILE_BYTES) return file
  await file.close()
  await rename(place.logFile, `${place.logFile}.old`)
  return openIt()
}

/** The first 8 kB after `position`. A server that does not start writes the reason at once. */
export async function textSince(file: FileHandle, position: number): Promise<string> {
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(8_000), position })
  return buffer.toString('utf8', 0, bytesRead)
}
