import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, cp, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Account, canReach } from './account.js'
import { type Binaries, makeLibraryLinks } from './binaries.js'
import { ensureSystemFolder } from './system-folder.js'

/**
 * Returns binaries that the account may run: those of the package if it can reach them, else a copy of about 55 MB in the
 * system folder. The copy is made once for each version of the package.
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

/** One file of each folder that Postgres reads, since an install under umask 077 makes some of them unreadable. */
function essentials(folder: string): string[] {
  return ['bin/postgres', 'bin/initdb', 'lib/postgresql/plpgsql.so', 'share/postgresql/postgres.bki'].map(
    file => join(folder, file),
  )
}

/** The copy appears complete or not at all. If two starts copy at once, one copy stays. */
async function copyWhole(from: string, to: string): Promise<void> {
  const draft = `${to}.${process.pid}-${randomBytes(4).toString('hex')}`
  const native = join(draft, 'native') // The list of links names its files relative to the folder above.
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
