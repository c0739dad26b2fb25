import pg from 'pg'

const follows =
  /^\s*(delete from outbox|insert into answers|insert into pushes|select d\.id from unnest\(\$1::text\[\]\) as d)\b/

/**
 * Every statement that this process sends to Postgres while `work` runs, in order: each is a round trip.
 * What follows some answer, and nobody waits for, is left out: the removal of delivered outbox rows, the record of refused
 * accepts, the queueing of pushes, and the look at drivers whose state is to be told.
 */
export async function statementsOf<T>(work: () => Promise<T>): Promise<{ value: T; statements: string[] }> {
  const statements: string[] = []
  const prototype = pg.Client.prototype as unknown as { query: (...args: unknown[]) => unknown }
  const { query } = prototype
  prototype.query = function counted(this: unknown, ...args: unknown[]) {
    const [first] = args as [string | { text: string }]
    const text = typeof first === 'string' ? first : first.text
    if (!follows.test(text)) statements.push(text)
    return query.apply(this, args)
  }
  try {
    return { value: await work(), statements }
  } finally {
    prototype.query = query
  }
}
