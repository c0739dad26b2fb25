import pg from 'pg'

const follows =
  /^\s*(delete from \S*outbox|insert into answers|insert into pushes|select d\.id, d\.transporter_id as "transporterId")/

/**
 * Every statement that this process sends to Postgres while `work` runs, in order: each is a round trip.
 * What follows some answer, and nobody waits for, is left out: the removal of delivered outbox rows, the record of refused
 * accepts, the queueing of pushes, and the look at drivers whose state is to be told.
 */
export async function statementsOf<T>(work: () => Promise<T>): Promise<{ value: T; statements: string[] }> {
  const statements: string[] = []
  const stop = onStatement(({ text }) => {
    if (!follows.test(text)) statements.push(text)
  })
  try {
    return { value: await work(), statements }
  } finally {
    stop()
  }
}

interface Statement {
  readonly text: string
  /** Of one that is prepared. */
  readonly name?: string
}

/** Hears each statement that this process sends to Postgres from now on, until the answer is called. */
export function onStatement(hear: (statement: Statement) => void): () => void {
  const prototype = pg.Client.prototype as unknown as { query: (...args: unknown[]) => unknown }
  const { query } = prototype
  prototype.query = function heard(this: unknown, ...args: unknown[]) {
    const [first] = args as [string | Statement]
    hear(typeof first === 'string' ? { text: first } : first)
    return query.apply(this, args)
  }
  return () => {
    prototype.query = query
  }
}
