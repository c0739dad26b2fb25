import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Unmounts everything in `folder`. */
export async function unmountDisksIn(folder: string): Promise<void> {
  const mounts = await readFile('/proc/mounts', 'utf8').catch(() => '')
  for (const line of mounts.split('\n')) {
    const at = line.split(' ')[1]
    if (at?.startsWith(`${folder}/`)) await run('umount', ['-l', at])
  }
}
