/*
 * The folder where root stores files that another user must reach, if DATA_DIR or the checkout is in a folder that only
 * root may enter. Only root may write there, so no other user can plant files in it.
 */
import { chmod, lstat, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { EmbeddedPostgresError } from './error.js'

export const SYSTEM_FOLDER = '/var/lib/loadcast'

/** Creates `folder`, which only root may write to and all may enter. Throws if it is anything else. */
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
      `${folder} cannot be created. Root needs it if other users may not enter the folder of the program or of its data: ` +
        'set DATA_DIR to a folder that other users may enter, or start as an ordinary user.',
      { cause },
    )
  }
  const found = await lstat(folder)
  if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o022) !== 0) {
    throw new EmbeddedPostgresError(
      `${folder} is not a folder that only root may write to: another user may have planted it. Check it, then remove it.`,
    )
  }
  return folder
}
