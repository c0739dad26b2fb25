import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { EmbeddedPostgresHeldError } from '../../../src/adapters/postgres/embedded/error.js'
import { acquireLock } from '../../../src/adapters/postgres/embedded/lock.js'

const onLinux = process.platform === 'linux' ? test : test.skip // other systems lock a file

onLinux('a folder is held under a name that is the same for every version of Node', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'loadcast-lock-'))
  const lock = await acquireLock(folder)
  await expect(acquireLock(folder)).rejects.toThrow(EmbeddedPostgresHeldError)
  // The kernel shows each NUL of an abstract name as @. Versions of Node agree only on names of full length.
  const { ino } = await stat(folder)
  const names = (await readFile('/proc/net/unix', 'utf8')).match(
    new RegExp(`@loadcast-data-dir-\\d+-${ino}@*$`, 'gm'),
  )
  expect(names?.map(name => name.length)).toEqual([108])
  await lock.release()
  await (await acquireLock(folder)).release()
  await rm(folder, { recursive: true })
})
