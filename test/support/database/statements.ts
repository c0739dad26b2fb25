import pg from 'pg'

const follows =
  /^\s*(delete from \S*outbox|insert into "answers"|insert into "pushes"|select "d"."id", "d"."transporter_id", d\.is_online)/

/**
 * Records every statement that this process sends to Postgres while `work` runs, in order. Each is a round trip. Work that
 * follows an answer without anyone waiting for it is left out: the removal of delivered outbox rows, the record of refused
 * accepts, the queueing of pushes, and the read of drivers whose state is to be announced.
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
  /** The name of a prepared statement. */
  readonly name?: string
}

/** Calls `hear` for each statement that this process sends to Postgres, until the returned function is called. */
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
