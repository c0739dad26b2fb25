import pg from 'pg'

/**
 * Every statement that this process sends to Postgres while `work` runs, in order: each is a round trip.
 * The removal of delivered outbox rows is left out: it follows the answer, and nobody waits for it.
 */
export async function statementsOf<T>(work: () => Promise<T>): Promise<{ value: T; statements: string[] }> {
  const statements: string[] = []
  const prototype = pg.Client.prototype as unknown as { query: (...args: unknown[]) => unknown }
  const { query } = prototype
  prototype.query = function counted(this: unknown, ...args: unknown[]) {
    const [first] = args as [string | { text: string }]
    const text = typeof first === 'string' ? first : first.text
    if (!text.trimStart().startsWith('delete from outbox')) statements.push(text)
    return query.apply(this, args)
  }
  try {
    return { value: await work(), statements }
  } finally {
    prototype.query = query
  }
}
