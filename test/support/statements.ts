import pg from 'pg'

/**
 * Every statement that this process sends to Postgres while `work` runs, in order: each is a round trip.
 * The removal of delivered outbox rows and the record of refused accepts are left out: they follow some answer, and
 * nobody waits for them.
 */
export async function statementsOf<T>(work: () => Promise<T>): Promise<{ value: T; statements: string[] }> {
  const statements: string[] = []
  const prototype = pg.Client.prototype as unknown as { query: (...args: unknown[]) => unknown }
  const { query } = prototype
  prototype.query = function counted(this: unknown, ...args: unknown[]) {
    const [first] = args as [string | { text: string }]
    const text = typeof first === 'string' ? first : first.text
    if (!/^\s*(delete from outbox|insert into answers)\b/.test(text)) statements.push(text)
    return query.apply(this, args)
  }
  try {
    return { value: await work(), statements }
  } finally {
    prototype.query = query
  }
}
