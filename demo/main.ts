/*
 * `npm run demo`: real clients on a real server. Transporters, drivers and customers, each with an HTTP client and a
 * socket, simulate a minute of freight. Then their notes are compared with the API and the database. Exit code 1 on any
 * contradiction or surprise.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type Backend, ownServer, runningServer } from './backend.js'
import { arrive } from './cast.js'
import { type Check, checkAll } from './checks.js'
import { createLedger } from './ledger.js'
import { type Options, parseOptions } from './options.js'
import { readOutcome } from './outcome.js'
import { loadTowns } from './places.js'
import { showProgress } from './progress.js'
import { createRandom } from './random.js'
import { LAG_RESOLUTION_MS, offerGoal, report, showChecks } from './report.js'
import { createStage, type Stage } from './stage.js'
import { counted } from './table.js'
import { createWorld, type World } from './world.js'

/** Time for deliveries after the last action. The longest is the news of a deadline to a customer. */
const SETTLE_MS = 700
/**
 * The lifetime of a request on our own server, and the time for its news. With less time left, customers request
 * nothing new.
 */
const LAST_CALL_MS = 14_000

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2))
  const interrupted = awaitInterrupt()
  const seed = `--seed ${options.seed}`
  console.log(`\nLoadcast demo, ${seed}. The same seed makes the same world and the same choices.`)
  const backend = options.url === undefined ? await ownServer() : await runningServer(options.url)
  let failed = 1
  try {
    failed = await Promise.race([show(options, backend), backend.failed, interrupted])
  } finally {
    await backend.stop()
  }
  console.log(failed === 0 ? '\nEverything held.\n' : `\n${counted(failed, 'check')} failed.\n`)
  return failed === 0 ? 0 : 1
}

/** Resolves with the number of failed checks. */
async function show(options: Options, backend: Backend): Promise<number> {
  const random = createRandom(options.seed)
  const world = createWorld(loadTowns(), random, { ...options, prefix: backend.idPrefix })
  introduce(world, backend)
  const ledger = createLedger()
  const stage = createStage({ ...backend, world, ledger, random })
  const arrivedAt = performance.now()
  const acts = await arrive(stage)
  const arrivalMs = performance.now() - arrivedAt
  console.log(`Everyone has signed in, after ${(arrivalMs / 1000).toFixed(1)} s. The show:\n`)
  const ownLag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS })
  ownLag.enable()
  await play(stage, acts, options.seconds * 1000)
  ownLag.disable()

  const outcome = await readOutcome(stage)
  const checks: Check[] = [
    ...checkAll(ledger, outcome, backend),
    { claim: 'no 5xx, no problem that an honest user should not meet', violations: ledger.surprises },
    { claim: 'the server logged no error', violations: backend.logLines().filter(isError) },
  ]
  const verified = await backend.verify()
  if (verified !== undefined) checks.push(verified)
  stage.leave()
  for (const line of backend.logLines()) if (!isError(line)) ledger.add('warnings that the server logged')

  console.log(`\n${report(ledger, outcome, { isSameClock: backend.isSameClock, ownLag })}`)
  console.log(`\n${offerGoal(ledger)}\n\n${showChecks(checks)}`)
  if (verified === undefined) console.log('  – npm run verify: its database is out of reach from here')
  return checks.filter(({ violations }) => violations.length > 0).length
}

/** pino's levels: 40 is a warning, 50 an error. */
function isError(line: string): boolean {
  const level = /^\{"level":(\d+)/.exec(line)?.[1]
  return level !== undefined && Number(level) >= 50
}

function introduce({ transporters, customers, hubs }: World, { description }: Backend): void {
  const drivers = transporters.flatMap(transporter => transporter.drivers)
  const towns = new Set(drivers.map(({ town }) => town))
  console.log(
    [
      `${counted(transporters.length, 'transporter')} with ${counted(drivers.length, 'truck')}, in ` +
        `${counted(towns.size, 'real town')} around ${hubs.map(({ name }) => name).join(', ')};`,
      `${counted(customers.length, 'customer')} with loads. Offers go out in rings, transporters race to accept,`,
      'some decline, give trucks back, cancel or tap twice. Every one of them is an HTTP client and a socket',
      `on ${description}.`,
    ].join('\n'),
  )
}

async function play(stage: Stage, acts: readonly (() => Promise<void>)[], durationMs: number): Promise<void> {
  const progress = showProgress(stage.ledger, durationMs / 1000)
  const closing = Math.max(durationMs - LAST_CALL_MS, durationMs / 3)
  for (const act of acts) stage.perform(act)
  await stage.pause(closing)
  stage.lastCall()
  await stage.pause(durationMs - closing)
  await stage.curtain()
  await new Promise(resolve => setTimeout(resolve, SETTLE_MS))
  progress.stop()
}

/** Ctrl-C ends the show, but not the cleaning up after it. */
function awaitInterrupt(): Promise<never> {
  const interrupted = new Promise<never>((_, reject) => {
    const stop = (signal: NodeJS.Signals) => reject(new Error(`Stopped by ${signal}`))
    process.on('SIGINT', stop).on('SIGTERM', stop)
  })
  // It may come during the start of the server, which must finish so that the server can be stopped.
  interrupted.catch(() => {})
  return interrupted
}

main().then(
  code => process.exit(code),
  error => {
    console.error(`\nThe demo could not go on. ${error instanceof Error ? error.message : error}`)
    process.exit(1)
  },
)
