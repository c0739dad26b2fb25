import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, cp, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Account, canReach } from './account.js'
import { type Binaries, makeLibraryLinks } from './binaries.js'
import { ensureSystemFolder } from './system-folder.js'

/**
 * Binaries that the account may run: those of the package where it can reach them, else a copy
 * (about 55 MB) in the system folder, made once for each version of the package.
 */
export async function reachableBinaries(
  binaries: Binaries,
  account: Account | undefined,
  systemFolder: string,
): Promise<Binaries> {
  if (account === undefined || (await canReach(account, { files: essentials(binaries.folder) }))) {
    await makeLibraryLinks(binaries.folder)
    return binaries
  }
  const name = `postgres-${binaries.version}-${process.platform}-${process.arch}`
  const copy = join(await ensureSystemFolder(systemFolder), name)
  if (!existsSync(copy)) await copyWhole(binaries.folder, copy)
  return { ...binaries, folder: copy }
}

/** One file of each folder that Postgres reads: an install under umask 077 shuts some of them. */
function essentials(folder: string): string[] {
  return ['bin/postgres', 'bin/initdb', 'lib/postgresql/plpgsql.so', 'share/postgresql/postgres.bki'].map(
    file => join(folder, file),
  )
}

/** The copy appears whole or not at all; of two starts at once one copy stays. */
async function copyWhole(from: string, to: string): Promise<void> {
  const draft = `${to}.${process.pid}-${randomBytes(4).toString('hex')}`
  const native = join(draft, 'native') // the list of links names its files from the folder above
  try {
    await cp(from, native, {
      recursive: true,
      verbatimSymlinks: true,
      filter: source => !source.endsWith('.a') && !source.endsWith('/pkgconfig'),
    })
    await makeLibraryLinks(native)
    await openToAll(native)
    await rename(native, to)
  } catch (error) {
    if (!existsSync(to)) throw error
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await openToAll(path)
    else if (entry.isFile()) await chmod(path, (await stat(path)).mode & 0o100 ? 0o755 : 0o644)
  }
}
