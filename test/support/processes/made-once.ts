/* Folders that test runs share: they are made by the first run that needs them, beside the installed packages. */
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { repositoryRoot } from '../house/import-rules.js'

/** Removed together with the installed packages. */
export const CACHE = join(repositoryRoot, 'node_modules', '.cache')

/** Makes the folder completely or not at all. If two runs make it at once, one of them wins. Returns the folder. */
export async function madeOnce(folder: string, make: (draft: string) => Promise<void>): Promise<string> {
  if (existsSync(folder)) return folder
  await mkdir(dirname(folder), { recursive: true })
  const draft = await mkdtemp(`${folder}.draft-`)
  try {
    await make(draft)
    await chmod(draft, 0o755) // As root, Postgres runs as another user, which needs access.
    await rename(draft, folder)
  } catch (error) {
    if (!existsSync(folder)) throw error
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
  return folder
}
