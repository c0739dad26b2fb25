/*
 * Secrets of a computer that nobody gave any: generated once and kept in the data folder, readable by its
 * owner only, so that tokens survive a restart. Never used in production, where settings require them.
 */
import { randomBytes } from 'node:crypto'
import { chmod, link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

const FILE = 'secrets.json'
const OWNER_ONLY = 0o600
const SECRET_BYTES = 48

const content = z.strictObject({ jwtSecret: z.string().min(32), jwtRefreshSecret: z.string().min(32) })

export type LocalSecrets = z.infer<typeof content>

/**
 * The folder's secrets, made on the first call. Two processes that make them at once end up with the same.
 * Throws when the file is there and cannot be used: it is never overwritten.
 */
export async function loadLocalSecrets(dataDir: string): Promise<LocalSecrets> {
  // Not closed to others: Postgres may run as another user, whose data lie in the same folder.
  await mkdir(dataDir, { recursive: true })
  const path = join(dataDir, FILE)
  const existing = await readSecrets(path)
  if (existing !== undefined) return existing
  await publish(path, { jwtSecret: generate(), jwtRefreshSecret: generate() })
  const kept = await readSecrets(path)
  if (kept === undefined) throw new Error(`${path} vanished while it was being made`)
  return kept
}

async function readSecrets(path: string): Promise<LocalSecrets | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  await chmod(path, OWNER_ONLY)
  try {
    return content.parse(JSON.parse(text))
  } catch {
    // The cause would quote the secrets.
    throw new Error(
      `${path} does not hold the secrets it should. Mend it, or delete it to have new ones made`,
    )
  }
}

/** Written whole under another name, then linked: whoever comes first wins, and nobody reads half a file. */
async function publish(path: string, secrets: LocalSecrets): Promise<void> {
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  await writeFile(draft, `${JSON.stringify(secrets, null, 2)}\n`, { mode: OWNER_ONLY, flag: 'wx' })
  try {
    await link(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await rm(draft, { force: true })
  }
}

function generate(): string {
  return randomBytes(SECRET_BYTES).toString('base64url')
}
