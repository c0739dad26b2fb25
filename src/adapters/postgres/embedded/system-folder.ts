/*
 * Where root keeps what another user must reach when DATA_DIR or the checkout lies in a folder that only root may enter.
 * Nobody but root may write there, so a name in it cannot have been planted by others.
 */
import { chmod, lstat, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { EmbeddedPostgresError } from './error.js'

export const SYSTEM_FOLDER = '/var/lib/loadcast'

/** Makes `folder` for root alone to write and all to enter, and makes sure that it is one. */
export async function ensureSystemFolder(folder: string): Promise<string> {
  try {
    await mkdir(dirname(folder), { recursive: true })
    await mkdir(folder).then(
      () => chmod(folder, 0o755),
      error => {
        if (error.code !== 'EEXIST') throw error
      },
    )
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `${folder} cannot be made. It is needed as root when others may not enter the folder of the program or of its data: ` +
        'set DATA_DIR to a folder that others may enter, or start as an ordinary user.',
      { cause },
    )
  }
  const found = await lstat(folder)
  if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o022) !== 0) {
    throw new EmbeddedPostgresError(
      `${folder} is not a folder that root alone may write: it may have been planted. Look at it, then remove it.`,
    )
  }
  return folder
}
