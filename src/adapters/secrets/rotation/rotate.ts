/*
 * A rotation, step by step. Each step may be done twice, and after a crash anywhere the next run goes on with the
 * same values: what was begun is known from the labels on the secret's versions, what each step left is looked at
 * and not remembered. Until `retire`, old and new values are both good.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import type { DatabaseRoles } from './database-roles.js'
import { isIntroduced, planRotation, planSwap, type Rotation, type RotationRequest, userOf } from './plan.js'
import type { SecretVersion, SecretVersions } from './secret-versions.js'
import type { Services } from './services.js'

/** 256 bits, which is what HS256 can make use of, with room to spare. */
const KEY_BYTES = 48

export interface RotationParts {
  readonly versions: SecretVersions
  /** Absent for the very first values, which nothing reads yet. */
  readonly services?: Services & { readonly names: readonly string[] }
  /** Asked for only when a database user changes. */
  openRoles(): Promise<DatabaseRoles>
  /** Tells people what was done; never a value. */
  tell(line: string): void
}

/** Says what would be done, and does nothing. */
export async function describeRotation(
  { versions, services, tell }: RotationParts,
  request: RotationRequest,
): Promise<void> {
  await services?.check()
  const unfinished = await versions.unfinished()
  const current = await versions.current()
  if (unfinished !== undefined || isIntroduced(current.values)) {
    tell('An earlier rotation is not finished: --apply goes on with it, and does nothing else.')
    return
  }
  const { next, changes } = planRotation(current.values, request, () => 'x'.repeat(KEY_BYTES))
  const times = isIntroduced(next) ? 'anew, twice,' : 'anew'
  for (const change of changes) tell(`would change  ${change}`)
  for (const name of services?.names ?? [])
    tell(`would deploy  ${name}, ${times} and wait until it is stable`)
  if (services !== undefined) tell('would retire  revisions of task definitions that are not in use')
  tell(
    changes.length === 0
      ? 'Nothing to change.'
      : 'Nothing was changed: this was a dry run. Do it with --apply.',
  )
}

export async function rotate(parts: RotationParts, request: RotationRequest): Promise<void> {
  const { versions, services, tell } = parts
  await services?.check()
  const unfinished = await versions.unfinished()
  const base = await versions.current()
  if (unfinished !== undefined || isIntroduced(base.values)) {
    tell('going on      with what an earlier run began; run again for anything else')
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

/** Everything between the keeping of the next values and the end. */
async function carryOut(parts: RotationParts, { base, next }: Started): Promise<void> {
  const { versions, services, tell } = parts
  const changesUser = next.values.DATABASE_URL !== base.values.DATABASE_URL
  const roles = changesUser ? await parts.openRoles() : undefined
  try {
    // Behind the lock: another run may have gone from begin to end while we came here.
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

/** Gives up what was begun, as long as nothing reads it yet. */
export async function abandon({ versions, tell }: RotationParts): Promise<void> {
  const unfinished = await versions.unfinished()
  if (unfinished === undefined) return tell('No rotation is under way.')
  if ((await versions.current()).id === unfinished.next.id) {
    throw new Error('Its values are in force already: finish it with --apply')
  }
  await versions.finish(unfinished.base, unfinished.next)
  tell(`Abandoned version ${unfinished.next.id}.`)
}

/** A user may only get a new password while no value in force has it. */
async function assertUnchanged(versions: SecretVersions, base: SecretVersion, next: SecretVersion) {
  const { id } = await versions.current()
  if (id === base.id || id === next.id) return
  throw new Error(
    'The secret was changed by somebody else meanwhile. Look at its versions, then run with --abandon',
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
