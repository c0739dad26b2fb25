/*
 * The work of a timer, the same for each queue: one guarded update of a request. Lateness is the time from the due time to
 * the commit of that update, as with the engine.
 */
import pg from 'pg'

const CONNECTIONS = 16

export async function openRequests(connectionString) {
  const pool = new pg.Pool({ connectionString, max: CONNECTIONS })
  await pool.query(
    'create table peer_requests (id int primary key, status text not null, version int not null)',
  )
  return {
    async add(first, count) {
      await pool.query(
        "insert into peer_requests select n, 'searching', 1 from generate_series($1::int, $1::int + $2::int - 1) n",
        [first, count],
      )
    },
    async expire(id) {
      const { rowCount } = await pool.query({
        name: 'expire',
        text: "update peer_requests set status = 'expired', version = version + 1 where id = $1 and version = 1",
        values: [id],
      })
      if (rowCount !== 1) throw new Error(`request ${id} was expired twice`)
    },
    pool,
  }
}

/** `done` resolves after `count` calls of `countOne`. */
export function countdown(count) {
  let left = count
  let settle
  const done = new Promise(resolve => {
    settle = resolve
  })
  return {
    done,
    countOne() {
      left -= 1
      if (left === 0) settle()
    },
  }
}
