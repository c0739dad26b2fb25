/*
 * A process that calls without pause, whatever the answers: `flood.ts <url> <token> <callers>`. In the process of the test
 * it would delay everything else there, including the connection to the database.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Pool } from 'undici'
import type { FloodAnswers } from './flood-process.js'

const REPORT_EVERY_MS = 100
const PATHS = ['/api/v1/broadcasts', '/api/v1/trips/01890a5d-ac96-774b-bcce-b302099a8057']

const [url = '', token = '', callers = '0'] = process.argv.slice(2)
const count = Number(callers)
const pool = new Pool(url, { connections: count, pipelining: 1 })
const answers: Record<number, number> = {}
let withoutWord = 0
let isOver = false

async function callAgainAndAgain(i: number): Promise<void> {
  const path = PATHS[i % PATHS.length] ?? ''
  while (!isOver) {
    const { statusCode, headers, body } = await pool.request({
      method: 'GET',
      path,
      headers: { authorization: `Bearer ${token}` },
    })
    await body.dump()
    answers[statusCode] = (answers[statusCode] ?? 0) + 1
    if (statusCode === 503 && !(Number(headers['retry-after']) > 0)) withoutWord += 1
    await delay(1)
  }
}

const report = () => process.send?.({ answers, withoutWord } satisfies FloodAnswers)
process.once('message', () => {
  isOver = true
})
const reporting = setInterval(report, REPORT_EVERY_MS)
await Promise.all(Array.from({ length: count }, (_, i) => callAgainAndAgain(i)))
clearInterval(reporting)
report()
process.disconnect()
