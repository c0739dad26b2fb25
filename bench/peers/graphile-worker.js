/* Timers as jobs of graphile-worker, with many workers that poll as often as is useful. Prints its figures as JSON. */
import { Logger, run, runMigrations } from 'graphile-worker'
import { countdown, openRequests } from './requests.js'

const WORKERS = 16
/** For each idle worker. The default is two seconds. */
const POLL_EVERY_MS = 50
const BATCH = 100_000

const { connectionString, due, leadMs, withinMs, notDue, overdue } = JSON.parse(process.argv[2])
const logger = new Logger(() => (level, message) => {
  if (level === 'error') console.error(message)
})
const requests = await openRequests(connectionString)
await runMigrations({ connectionString, logger })

/** Adds jobs for requests from number `first` on, each `stepMs` after the one before. */
async function addJobs(task, { first, count, firstAt, stepMs }) {
  for (let done = 0; done < count; done += BATCH) {
    await requests.pool.query(
      `select count(*) from graphile_worker.add_jobs(array(
         select row($1, json_build_object('n', $2::int + i), null, to_timestamp(($3::float8 + i * $4::float8) / 1000),
           null, null, null, null)::graphile_worker.job_spec
         from generate_series($5::int, $6::int - 1) i))`,
      [task, first, firstAt, stepMs, done, Math.min(count, done + BATCH)],
    )
  }
}

/** Runs until `count` jobs are done. */
async function work(count, onDone) {
  const { done, countOne } = countdown(count)
  const expire = async ({ n }) => {
    await requests.expire(n)
    onDone?.(n)
    countOne()
  }
  const runner = await run({
    connectionString,
    concurrency: WORKERS,
    maxPoolSize: WORKERS,
    pollInterval: POLL_EVERY_MS,
    taskList: { expire },
    noHandleSignals: true,
    logger,
  })
  await done
  return runner
}

const dayMs = 86_400_000
await requests.add(0, due + overdue)
await addJobs('expire', { first: 1_000_000, count: notDue, firstAt: Date.now() + dayMs, stepMs: 1 })
await requests.pool.query('analyze')
const firstAt = Date.now() + leadMs
const stepMs = withinMs / due
await addJobs('expire', { first: 0, count: due, firstAt, stepMs })
if (Date.now() > firstAt) throw new Error('adding the jobs took too long')
const latenessMs = []
await (await work(due, n => latenessMs.push(Date.now() - (firstAt + n * stepMs)))).stop()

await addJobs('expire', { first: due, count: overdue, firstAt: Date.now() - 1_000, stepMs: 0 })
const begunAt = performance.now()
const runner = await work(overdue)
const drainedPerSecond = (overdue / (performance.now() - begunAt)) * 1000
await runner.stop()
await requests.pool.end()
console.log(JSON.stringify({ latenessMs, drainedPerSecond }))
