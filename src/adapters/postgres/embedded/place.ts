/*
 * Chooses where the data of a DATA_DIR are stored. Usually that is its folder `postgres`. If root starts the server and the
 * user that runs Postgres may not enter DATA_DIR, it is a folder in the system folder. Its name contains a hash of
 * DATA_DIR's path, and the file `postgres.place` points to it. A chosen place is kept, so data are still found when a
 * folder's mode changes. The place belongs to us, and `data` in it to the user that runs Postgres.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Account, canReach } from './account.js'
import { EmbeddedPostgresError } from './error.js'
import { errorCode } from './system-error.js'
import { ensureSystemFolder } from './system-folder.js'

export interface Place {
  readonly folder: string
  /** The data directory of Postgres. */
  readonly data: string
  readonly passwordFile: string
  readonly logFile: string
  /** The user that runs Postgres there: the owner of existing data, else the chosen account. */
  readonly account: Account | undefined
}

/** Finds or creates the place. `dataDir` must exist, be a real path, and be locked by us. */
export async function choosePlace(
  dataDir: string,
  account: Account | undefined,
  systemFolder: string,
): Promise<Place> {
  const inside = join(dataDir, 'postgres')
  if (account === undefined) return openPlace(inside, undefined)
  const pointed = await readPointer(dataDir, systemFolder)
  if (pointed !== undefined) return openPlace(pointed, account)
  const place = placeIn(inside, await ownerOf(inside, account))
  const reachable = await canReach(place.account ?? account, { folders: [dataDir] })
  if (reachable) return openPlace(inside, account)
  if (existsSync(place.data)) {
    throw new EmbeddedPostgresError(
      `The data in ${inside} belong to ${place.account?.name}, a user that may no longer enter ${dataDir}. ` +
        'Let other users enter the folders above it (chmod o+x), or set DATA_DIR to another folder.',
    )
  }
  return openPlace(await makeKeyedFolder(dataDir, systemFolder), account)
}

function placeIn(folder: string, account: Account | undefined): Place {
  return {
    folder,
    data: join(folder, 'data'),
    passwordFile: join(folder, 'password'),
    logFile: join(folder, 'postgres.log'),
    account,
  }
}

async function openPlace(folder: string, account: Account | undefined): Promise<Place> {
  const owner = await ownerOf(folder, account)
  await mkdir(folder, { recursive: true })
  // The user that runs Postgres must enter root's place, because it owns the data folder in there.
  await chmod(folder, account === undefined ? 0o700 : 0o711)
  return placeIn(folder, owner)
}

/** Root runs the data of an ordinary user as that user. An ordinary user cannot run the data of another one. */
async function ownerOf(folder: string, account: Account | undefined): Promise<Account | undefined> {
  const data = join(folder, 'data')
  const found = await stat(data).catch(error => {
    if (error.code === 'ENOENT') return undefined
    throw new EmbeddedPostgresError(`${data} cannot be read: it may belong to another user.`, {
      cause: error,
    })
  })
  if (found === undefined) return account
  if (account === undefined) {
    if (found.uid === process.getuid?.()) return undefined
    throw new EmbeddedPostgresError(
      `${data} belongs to another user (uid ${found.uid}). Start as that user or as root, or set DATA_DIR to another folder.`,
    )
  }
  return found.uid === account.uid ? account : { name: `uid ${found.uid}`, uid: found.uid, gid: found.gid }
}

interface Pointer {
  readonly dataDir: string
  readonly place: string
}

const POINTER = 'postgres.place'

/** Returns the place that DATA_DIR points to. A moved DATA_DIR keeps its place; a copied one gets its own. */
async function readPointer(dataDir: string, systemFolder: string): Promise<string | undefined> {
  const file = join(dataDir, POINTER)
  if (!existsSync(file)) return undefined
  const pointer: Pointer = JSON.parse(await readFile(file, 'utf8'))
  if (dirname(pointer.place) !== systemFolder) {
    throw new EmbeddedPostgresError(
      `${file} points to ${pointer.place}, which is not in ${systemFolder}: it may have been planted.`,
    )
  }
  const isCopy = pointer.dataDir !== dataDir && existsSync(join(pointer.dataDir, POINTER))
  return isCopy || !existsSync(pointer.place) ? undefined : pointer.place
}

/**
 * Creates a folder for the data. If DATA_DIR was deleted and created again, it starts without data, as it would if they
 * had been inside it. The name from its path is taken then, so the next number is used.
 */
async function makeKeyedFolder(dataDir: string, systemFolder: string): Promise<string> {
  const key = createHash('sha256').update(dataDir).digest('hex').slice(0, 12)
  const stem = join(await ensureSystemFolder(systemFolder), `${basename(dirname(dataDir)) || 'root'}-${key}`)
  for (let number = 1; ; number++) {
    const place = number === 1 ? stem : `${stem}-${number}`
    try {
      await mkdir(place)
    } catch (error) {
      if (errorCode(error) === 'EEXIST') continue
      throw error
    }
    const pointer: Pointer = { dataDir, place }
    const draft = join(dataDir, `${POINTER}.draft`)
    await writeFile(draft, `${JSON.stringify(pointer)}\n`)
    await rename(draft, join(dataDir, POINTER))
    return place
  }
}
