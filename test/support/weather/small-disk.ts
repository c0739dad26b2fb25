/*
 * A disk that a test can fill: a small tmpfs, mounted inside the run's folder. Only root may mount. A run that is killed
 * leaves the mount; the next run takes it down before it deletes the folder (test-server.ts).
 */
import { execFile } from 'node:child_process'
import { chown, open, rm, statfs, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe } from '@jest/globals'
import type { Place } from '../../../src/adapters/postgres/embedded/place.js'
import { temporaryFolder } from '../processes/temporary-folder.js'
import { noteSkip } from '../redis/redis-server.js'

const run = promisify(execFile)
const MEGABYTE = 1024 * 1024
const PAGE = 4096

/** `describe` if a disk can be mounted; otherwise it skips, is counted, and gives the reason in the last line. */
export async function smallDiskForTests(): Promise<typeof describe | typeof describe.skip> {
  const folder = await temporaryFolder('mount')
  try {
    await mountDisk(folder, 1)
    await run('umount', [folder])
    return describe
  } catch {
    await noteSkip('a small disk cannot be mounted: not root')
    return describe.skip
  }
}

/** Other users may enter, as with a server's folder. */
export async function mountDisk(folder: string, megabytes: number): Promise<void> {
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0711`, 'tmpfs', folder])
}

/** Puts the log elsewhere: with a full log the server stops, with full tables it keeps running and refuses writes. */
export async function moveLogAway({ data, account }: Place): Promise<void> {
  const log = join(data, 'pg_wal')
  const elsewhere = join(await temporaryFolder('weather-log'), 'pg_wal')
  await run('cp', ['-a', log, elsewhere])
  await rm(log, { recursive: true })
  await symlink(elsewhere, log)
  if (account !== undefined) await chown(elsewhere, account.uid, account.gid)
}

/** Writes a file until the disk is full; returns a function that frees the space. */
export async function fillDisk(folder: string): Promise<() => Promise<void>> {
  const file = join(folder, 'ballast')
  const ballast = await open(file, 'w')
  try {
    for (const size of [MEGABYTE, PAGE]) await writeUntilFull(ballast, Buffer.alloc(size))
  } finally {
    await ballast.close()
  }
  const { bavail } = await statfs(folder)
  if (bavail > 0) throw new Error(`${folder} still has ${bavail} blocks free`)
  return () => rm(file)
}

async function writeUntilFull(file: Awaited<ReturnType<typeof open>>, chunk: Buffer): Promise<void> {
  try {
    for (;;) await file.write(chunk)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOSPC') throw error
  }
}
