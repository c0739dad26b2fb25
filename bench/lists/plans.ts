import pg from 'pg'

export interface Sent {
  readonly text: string
  readonly values: readonly unknown[]
}

/** Records every statement that this process sends to Postgres while `work` runs. */
export async function sentBy(work: () => Promise<unknown>): Promise<readonly Sent[]> {
  const sent: Sent[] = []
  const prototype = pg.Client.prototype as unknown as { query: (...args: unknown[]) => unknown }
  const { query } = prototype
  prototype.query = function noted(this: unknown, ...args: unknown[]) {
    const [first, second] = args as [string | Sent, unknown]
    if (typeof first === 'string') sent.push({ text: first, values: Array.isArray(second) ? second : [] })
    else sent.push({ text: first.text, values: first.values ?? [] })
    return query.apply(this, args)
  }
  try {
    await work()
    return sent
  } finally {
    prototype.query = query
  }
}

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Shared Hit Blocks': number
  readonly 'Shared Read Blocks': number
  readonly Plans?: readonly PlanNode[]
}

/** Describes how a statement was run, in a line: its tables with their indexes, and the number of 8 KB pages it read. */
export async function planOf(pool: pg.Pool, { text, values }: Sent): Promise<string> {
  const { rows } = await pool.query(`explain (analyze, buffers, format json) ${text}`, [...values])
  const root = rows[0]['QUERY PLAN'][0].Plan as PlanNode
  const scans: string[] = []
  const visit = (node: PlanNode) => {
    const table = node['Relation Name']
    const index = node['Index Name']
    if (node['Node Type'].includes('Scan') && (table ?? index) !== undefined) {
      scans.push(index === undefined ? `${table} (${node['Node Type'].toLowerCase()})` : index)
    }
    for (const inner of node.Plans ?? []) visit(inner)
  }
  visit(root)
  const pages = root['Shared Hit Blocks'] + root['Shared Read Blocks']
  return `${[...new Set(scans)].join(', ')}; ${pages} pages`
}
