/*
 * Where the data of a DATA_DIR lie: in its folder `postgres`, or, as root when the user that runs Postgres may not
 * enter DATA_DIR, in the system folder under a name keyed by DATA_DIR's path, to which the file `postgres.place` points.
 * A place, once chosen, is kept: a folder's mode may change without the data seeming lost.
 * The place is owned by us; `data` in it by the user that runs Postgres.
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
  /** What Postgres calls its data directory. */
  readonly data: string
  readonly passwordFile: string
  readonly logFile: string
  /** Who runs Postgres there: the owner of data that exist, else the account that was chosen. */
  readonly account: Account | undefined
}

/** Finds or makes the place. `dataDir` exists, is a real path, and is locked by us. */
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
      `The data in ${inside} belong to ${place.account?.name}, who may no longer enter ${dataDir}. ` +
        'Let others enter the folders above it (chmod o+x), or set DATA_DIR to another folder.',
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
  // Root's place is entered by the user that runs Postgres, who owns the data folder in it.
  await chmod(folder, account === undefined ? 0o700 : 0o711)
  return placeIn(folder, owner)
}

/** Root runs data made by an ordinary user as that user; an ordinary user cannot run data of another's. */
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

/** A DATA_DIR that was moved takes its place along; one that was copied gets a place of its own. */
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
 * A DATA_DIR that was deleted and made again starts afresh, as it would with its data inside:
 * the name it had is taken, so it gets the next number.
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
