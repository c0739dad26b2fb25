/*
 * Runs a rotation, step by step. Each step may be repeated, and after a crash the next run continues with the same
 * values. The labels on the secret's versions show what was begun. The effect of each step is looked up, not remembered.
 * Until `retire`, old and new values both work.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import type { DatabaseRoles } from './database-roles.js'
import { isIntroduced, planRotation, planSwap, type Rotation, type RotationRequest, userOf } from './plan.js'
import type { SecretVersion, SecretVersions } from './secret-versions.js'
import type { Services } from './services.js'

/** HS256 makes use of 256 bits (32 bytes). The rest is a margin. */
const KEY_BYTES = 48

export interface RotationParts {
  readonly versions: SecretVersions
  /** Absent for the very first values, which no service reads yet. */
  readonly services?: Services
  /** Called only if the database user changes. */
  openRoles(): Promise<DatabaseRoles>
  /** Prints a line for the operator, which never contains a secret value. */
  tell(line: string): void
}

/** Prints what `rotate` would do, and changes nothing. */
export async function describeRotation(
  { versions, services, tell }: RotationParts,
  request: RotationRequest,
): Promise<void> {
  await services?.check()
  const unfinished = await versions.unfinished()
  const current = await versions.current()
  if (unfinished !== undefined || isIntroduced(current.values)) {
    tell('An earlier rotation is not finished: --apply continues it, and does nothing else.')
    return
  }
  const { next, changes } = planRotation(current.values, request, () => 'x'.repeat(KEY_BYTES))
  const times = isIntroduced(next) ? 'twice' : 'once'
  for (const change of changes) tell(`would change  ${change}`)
  for (const name of services?.names ?? []) tell(`would deploy  ${name} ${times} and wait until it is stable`)
  if (services !== undefined) tell('would retire  revisions of task definitions that are not in use')
  tell(
    changes.length === 0
      ? 'Nothing to change.'
      : 'Nothing was changed: this was a dry run. Use --apply to rotate.',
  )
}

export async function rotate(parts: RotationParts, request: RotationRequest): Promise<void> {
  const { versions, services, tell } = parts
  await services?.check()
  const unfinished = await versions.unfinished()
  const base = await versions.current()
  if (unfinished !== undefined || isIntroduced(base.values)) {
    tell('continuing    an earlier rotation; run again for anything else')
  }
  const planned = isIntroduced(base.values)
    ? planSwap(base.values)
    : planRotation(base.values, request, () => randomBytes(KEY_BYTES).toString('base64url'))
  let under = unfinished ?? (await begin(parts, base, planned))
  if (under === undefined) return tell('Nothing to change.')
  for (;;) {
    await carryOut(parts, under)
    if (!isIntroduced(under.next.values)) break
    under = await begin(parts, under.next, planSwap(under.next.values))
    if (under === undefined) break
  }
  tell('Rotated. Previous JWT keys stay accepted until --end-overlap.')
}

interface Started {
  readonly base: SecretVersion
  readonly next: SecretVersion
}

/** All steps after the next values are stored, up to the end of the rotation. */
async function carryOut(parts: RotationParts, { base, next }: Started): Promise<void> {
  const { versions, services, tell } = parts
  const changesUser = next.values.DATABASE_URL !== base.values.DATABASE_URL
  const roles = changesUser ? await parts.openRoles() : undefined
  try {
    // Checked while holding the lock: another run may have completed a rotation in the meantime.
    await assertUnchanged(versions, base, next)
    await roles?.prepare(next.values.DATABASE_URL ?? '')
    if (changesUser) tell(`database      the user ${userOf(next.values.DATABASE_URL)} can log in`)
    await versions.promote(base, next)
    tell(`secret        version ${next.id} is the current one`)
    for (const name of services?.names ?? []) {
      tell(`deploying     ${name} …`)
      await services?.redeploy(name)
      tell(`deployed      ${name}: every running task has the new values`)
    }
    await retire(parts, base, roles)
    await versions.finish(base, next)
  } finally {
    await roles?.close()
  }
}

/** Gives up a rotation that was begun. Throws if its values are already in use. */
export async function abandon({ versions, tell }: RotationParts): Promise<void> {
  const unfinished = await versions.unfinished()
  if (unfinished === undefined) return tell('No rotation is in progress.')
  if ((await versions.current()).id === unfinished.next.id) {
    throw new Error('The values of the rotation are already in use: finish it with --apply')
  }
  await versions.finish(unfinished.base, unfinished.next)
  tell(`Abandoned version ${unfinished.next.id}.`)
}

/** A user may get a new password only while no other version of the secret, which may name this user, is in use. */
async function assertUnchanged(versions: SecretVersions, base: SecretVersion, next: SecretVersion) {
  const { id } = await versions.current()
  if (id === base.id || id === next.id) return
  throw new Error(
    'Something else changed the secret during the rotation. Check its versions, then run with --abandon',
  )
}

async function begin(
  { versions, tell }: RotationParts,
  base: SecretVersion,
  { next, changes }: Rotation,
): Promise<Started | undefined> {
  if (changes.length === 0) return undefined
  for (const change of changes) tell(`changing      ${change}`)
  return { base, next: await versions.begin(base, next, randomUUID()) }
}

async function retire(
  { services, tell }: RotationParts,
  base: SecretVersion,
  roles: DatabaseRoles | undefined,
): Promise<void> {
  const old = base.values.DATABASE_URL
  if (roles !== undefined && old) {
    const left = await roles.retire(old)
    tell(`database      ${left ?? `the user ${userOf(old)} cannot log in any more`}`)
  }
  const revisions = (await services?.retireRevisions()) ?? []
  for (const revision of revisions) tell(`retired       ${revision}`)
}
