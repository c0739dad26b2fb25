/*
 * Secrets for a computer that has none configured. They are generated once and kept in the data folder, where only their
 * owner can read them, so tokens survive a restart. Production never uses them: its settings require secrets.
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
 * Returns the folder's secrets and creates them on the first call. Two processes that create them at once get the same
 * ones. Throws if the file exists and cannot be used: it is never overwritten.
 */
export async function loadLocalSecrets(dataDir: string): Promise<LocalSecrets> {
  // The folder stays open to other users: Postgres may run as one of them, with its data in this folder.
  await mkdir(dataDir, { recursive: true })
  const path = join(dataDir, FILE)
  const existing = await readSecrets(path)
  if (existing !== undefined) return existing
  await publish(path, { jwtSecret: generate(), jwtRefreshSecret: generate() })
  const kept = await readSecrets(path)
  if (kept === undefined) throw new Error(`${path} was deleted while it was being created`)
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
    throw new Error(`${path} does not contain valid secrets. Fix it, or delete it to have new ones created`)
  }
}

/** Writes a draft and then links it: the first process wins, and no process reads half a file. */
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
