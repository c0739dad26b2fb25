/* The basis of most parts: an engine on a database of its own, which is audited when the work is done. */
import type { Engine } from '../../src/runtime/index.js'
import { openEngine } from '../engine.js'
import type { Database } from '../world.js'
import { assertNoViolations } from './audited.js'
import type { Context } from './part.js'

export interface Stage {
  readonly database: Database
  readonly engine: Engine
}

/** Runs `work` on a stage. The audit is the last step of the part. */
export async function onStage<T>(
  { world, step }: Context,
  part: string,
  work: (stage: Stage) => Promise<T>,
): Promise<T> {
  const database = await world.createDatabase()
  const { engine, close } = await openEngine(database.connectionString)
  const result = await work({ database, engine })
  await close()
  step(`${part} auditing`)
  await assertNoViolations(database)
  await database.drop()
  return result
}
