/* The process of B9. Run it with --expose-gc. */
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { openEngine, sendAccept } from '../engine.js'
import { inFlight } from '../measure.js'
import { serveOrders } from '../worker.js'
import type { Touched, TouchOrder } from './memory.js'

const AT_ONCE = 64
const PAGE = 5_000
const SAMPLE_EVERY_MS = 100
/** The garbage collector returns memory to the system only after a while. */
const REST_MS = 3_000
/** Loads code, plans and connections first. These instances are touched like all others. */
const WARM_UP = 1_000

const connectionString = process.argv[2] ?? ''
const { engine, close } = await openEngine(connectionString)
const resident = () => process.memoryUsage.rss()

async function settled(): Promise<number> {
  const collect = globalThis.gc
  if (collect === undefined) throw new Error('run this process with --expose-gc')
  for (let i = 0; i < 3; i++) {
    collect()
    await delay(REST_MS / 3)
  }
  return resident()
}

async function touch({ prefix, count }: TouchOrder): Promise<Touched> {
  const pool = new pg.Pool({ connectionString, max: 1 })
  let won = 0
  let last = '00000000-0000-0000-0000-000000000000'
  /** Reads ids page by page, because a list of all ids would add memory of the benchmark itself. */
  async function touchPage(limit: number): Promise<number> {
    const { rows } = await pool.query<{ id: string }>(
      'select id from instances where id > $1 and owner like $2 order by id limit $3',
      [last, `customer-${prefix}%`, limit],
    )
    await inFlight(rows.length, AT_ONCE, async i => {
      const id = rows[i]?.id ?? ''
      if ((await sendAccept(engine, id, id)) === 'won') won += 1
    })
    last = rows.at(-1)?.id ?? last
    return rows.length
  }
  await touchPage(Math.min(WARM_UP, count))
  const beforeBytes = await settled()
  let mostBytes = beforeBytes
  const sampling = setInterval(() => {
    mostBytes = Math.max(mostBytes, resident())
  }, SAMPLE_EVERY_MS)
  while ((await touchPage(PAGE)) > 0);
  clearInterval(sampling)
  const afterBytes = await settled()
  await pool.end()
  return { beforeBytes, mostBytes, afterBytes, won }
}

serveOrders(touch, close)
