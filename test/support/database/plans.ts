/* The tables and indexes that a prepared statement reads, according to its plan. */
import type pg from 'pg'
import { onStatement } from './statements.js'

/** Records the text of each prepared statement that is sent from now on. */
export function recordStatements(): { statements: Map<string, string>; stop(): void } {
  const statements = new Map<string, string>()
  const stop = onStatement(({ name, text }) => {
    if (name !== undefined) statements.set(name, text)
  })
  return { statements, stop }
}

interface Plan {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Cond'?: string
  readonly 'Recheck Cond'?: string
  readonly Plans?: readonly Plan[]
}

/** Full reads: of a table, or of an index from end to end. An index scan with a condition is not one. */
const readsOf = (plan: Plan): string[] => [
  ...(plan['Node Type'] === 'Seq Scan' ? [`all of ${plan['Relation Name']}`] : []),
  ...(/^Index (Only )?Scan$/.test(plan['Node Type']) && plan['Index Cond'] === undefined
    ? [`all of an index of ${plan['Relation Name']}`]
    : []),
  ...(plan.Plans ?? []).flatMap(readsOf),
]

/** The full reads of a statement with unknown parameters. (`explain (generic_plan)` is new in Postgres 16.) */
export async function readThrough(client: pg.ClientBase, text: string): Promise<readonly string[]> {
  await client.query('begin; set local plan_cache_mode = force_generic_plan')
  try {
    await client.query(`prepare explained as ${text}`)
    const { rows: parameters } = await client.query(
      `select unnest(parameter_types) from pg_prepared_statements where name = 'explained'`,
    )
    const nulls = parameters.length === 0 ? '' : `(${parameters.map(() => 'null').join(', ')})`
    const { rows } = await client.query(`explain (format json) execute explained${nulls}`)
    await client.query('deallocate explained')
    return readsOf(rows[0]['QUERY PLAN'][0].Plan)
  } finally {
    await client.query('rollback') // Also ends the transaction of a failed statement.
  }
}
