/* Timers as jobs of pg-boss, in batches and polled as often as it allows. Prints its figures as JSON. */
import PgBoss from 'pg-boss'
import { countdown, openRequests } from './requests.js'

const QUEUE = 'expire'
/** The shortest interval that it accepts. */
const POLL_EVERY_S = 0.5
/** As many as come due between two polls. */
const BATCH = 1_000
/** Jobs of one insert, which are one JSON parameter. */
const INSERTED_AT_ONCE = 10_000

const { connectionString, due, leadMs, withinMs, notDue, overdue } = JSON.parse(process.argv[2])
const requests = await openRequests(connectionString)

async function open() {
  const boss = new PgBoss({ connectionString, schedule: false })
  boss.on('error', error => console.error(error))
  await boss.start()
  await boss.createQueue(QUEUE)
  return boss
}

/** Adds jobs for requests from number `first` on, each `stepMs` after the one before. */
async function addJobs(boss, { first, count, firstAt, stepMs }) {
  for (let done = 0; done < count; done += INSERTED_AT_ONCE) {
    const jobs = Array.from({ length: Math.min(INSERTED_AT_ONCE, count - done) }, (_, i) => ({
      name: QUEUE,
      data: { n: first + done + i },
      startAfter: new Date(firstAt + (done + i) * stepMs),
    }))
    await boss.insert(jobs)
  }
}

/** Resolves when `count` jobs are done. */
async function work(boss, count, onDone) {
  const { done, countOne } = countdown(count)
  await boss.work(QUEUE, { pollingIntervalSeconds: POLL_EVERY_S, batchSize: BATCH }, async jobs => {
    await Promise.all(
      jobs.map(async ({ data: { n } }) => {
        await requests.expire(n)
        onDone?.(n)
        countOne()
      }),
    )
  })
  await done
}

const dayMs = 86_400_000
const boss = await open()
await requests.add(0, due + overdue)
await addJobs(boss, { first: 1_000_000, count: notDue, firstAt: Date.now() + dayMs, stepMs: 1 })
await requests.pool.query('analyze')
const firstAt = Date.now() + leadMs
const stepMs = withinMs / due
await addJobs(boss, { first: 0, count: due, firstAt, stepMs })
if (Date.now() > firstAt) throw new Error('adding the jobs took too long')
const latenessMs = []
await work(boss, due, n => latenessMs.push(Date.now() - (firstAt + n * stepMs)))
await boss.stop({ graceful: true, wait: true })

const again = await open()
await addJobs(again, { first: due, count: overdue, firstAt: Date.now() - 1_000, stepMs: 0 })
const begunAt = performance.now()
await work(again, overdue)
const drainedPerSecond = (overdue / (performance.now() - begunAt)) * 1000
await again.stop({ graceful: true, wait: true })
await requests.pool.end()
console.log(JSON.stringify({ latenessMs, drainedPerSecond }))
