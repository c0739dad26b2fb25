/* What a prepared statement reads, as Postgres plans it. */
import type pg from 'pg'
import { onStatement } from './statements.js'

/** Notes the text of each prepared statement that is sent from now on. */
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

/** What is read through: a table, or an index from end to end. Following an index's order to a limit says its bound. */
const readsOf = (plan: Plan): string[] => [
  ...(plan['Node Type'] === 'Seq Scan' ? [`all of ${plan['Relation Name']}`] : []),
  ...(/^Index (Only )?Scan$/.test(plan['Node Type']) && plan['Index Cond'] === undefined
    ? [`all of an index of ${plan['Relation Name']}`]
    : []),
  ...(plan.Plans ?? []).flatMap(readsOf),
]

/** What the statement reads through when its parameters are not known. (`explain (generic_plan)` is new in Postgres 16.) */
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
    await client.query('rollback') // also ends the transaction of a failed statement
  }
}
