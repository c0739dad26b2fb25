/* The tables at the end. Pure: facts to text. */
import type { IntervalHistogram } from 'node:perf_hooks'
import type { Check } from './checks.js'
import { confirmationDelays, expiryDelays, offerDelays, updateDelays } from './delays.js'
import { percentile, type Summary, summarize, tally } from './figures.js'
import type { Ledger } from './ledger.js'
import type { Outcome } from './outcome.js'
import { count, counted, milliseconds, table } from './table.js'

/** An offer should be on the screen before the customer puts the phone down. */
const OFFER_GOAL_MS = 50

export interface ReportOptions {
  /** Whether the server's times can be compared with ours. */
  readonly isSameClock: boolean
  /**
   * How late this process, which simulates all clients, ran its own timers. It cannot measure more exactly than that.
   */
  readonly ownLag: Pick<IntervalHistogram, 'percentile' | 'max'>
}

export function report(ledger: Ledger, outcome: Outcome, options: ReportOptions): string {
  return [
    requestTable(outcome),
    acceptTable(ledger),
    offerTable(ledger),
    tripTable(outcome),
    latencyTable(ledger, outcome, options),
    otherTable(ledger),
  ].join('\n\n')
}

function shares(head: string, counts: ReadonlyMap<string, number>): string {
  const total = [...counts.values()].reduce((sum, n) => sum + n, 0)
  const rows = [...counts].map(([name, n]) => [name, count(n), `${Math.round((100 * n) / total)} %`])
  return table([head, count(total), ''], rows)
}

const endWords: Readonly<Record<string, string>> = {
  filled: 'fully filled',
  cancelled: 'cancelled by the customer',
  truck_released: 'full, then a truck was given back',
}

function requestTable({ requests }: Outcome): string {
  const states = [...requests.values()].map(({ status, endReason = '', trucksFilled }) => {
    if (endReason !== 'timeout') return endWords[endReason] ?? status
    return trucksFilled === 0 ? 'expired, no truck found' : 'expired with some trucks'
  })
  return shares('Requests, how they ended', tally(states))
}

const resultWords: Readonly<Record<string, string>> = {
  won: 'won',
  NO_LONGER_AVAILABLE: 'lost: another was quicker',
  BROADCAST_CANCELLED: 'lost: the customer cancelled',
  BROADCAST_EXPIRED: 'lost: the time was up',
  DRIVER_BUSY: 'lost: that driver is on a trip',
  VEHICLE_BUSY: 'lost: that vehicle is on a trip',
}

function acceptTable({ accepts }: Ledger): string {
  return shares('Accepts', tally(accepts.map(({ result }) => resultWords[result] ?? result)))
}

function offerTable({ offers }: Ledger): string {
  const steps = tally(
    offers.map(({ step }) => (step === 'everyone' ? 'everyone who owns one' : `ring ${step}`)),
  )
  return shares(
    'Offers, by how far they had gone out',
    new Map([...steps].sort(([a], [b]) => ringFirst(a, b))),
  )
}

const ringFirst = (a: string, b: string) =>
  Number(b.startsWith('ring')) - Number(a.startsWith('ring')) || a.localeCompare(b)

function tripTable({ trips }: Outcome): string {
  return shares('Trips, where they stand now', tally([...trips.values()].map(({ status }) => status)))
}

function latencyTable(ledger: Ledger, outcome: Outcome, { isSameClock, ownLag }: ReportOptions): string {
  const accepts = (isWon: boolean) =>
    ledger.accepts
      .filter(({ result }) => (result === 'won') === isWon)
      .map(({ sentAt, answeredAt }) => answeredAt - sentAt)
  const rows: [string, readonly number[]][] = [
    ['accept won, tap to answer', accepts(true)],
    ['accept lost, tap to answer', accepts(false)],
    ['request, tap to answer', ledger.requests.map(({ sentAt, answeredAt }) => answeredAt - sentAt)],
    ['request sent → offer on a phone', offerDelays(ledger, 'sentAt')],
    ['request answered → offer on a phone', offerDelays(ledger, 'answeredAt')],
    ['accept answered → customer knows', confirmationDelays(ledger)],
    ...(isSameClock
      ? ([
          ['decided → booking_updated on a phone', updateDelays(ledger)],
          ['deadline → booking_expired on a phone', expiryDelays(ledger, outcome)],
        ] as [string, readonly number[]][])
      : []),
  ]
  const lines = rows.map(([name, values]) => [name, ...cells(summarize(values))])
  const ownMs = [ownLag.percentile(50), ownLag.percentile(99), ownLag.max].map(ns =>
    Math.max(0, ns / 1e6 - LAG_RESOLUTION_MS),
  )
  const own = ['(this process, playing all of them, was late by)', '', ...ownMs.map(milliseconds)]
  return table(['How long it took', 'count', 'p50', 'p99', 'max'], [...lines, own])
}

/** The interval of the measuring timer, which is included in its figures. */
export const LAG_RESOLUTION_MS = 1

function cells(summary: Summary | undefined): string[] {
  if (summary === undefined) return ['0', '–', '–', '–']
  const { count: n, p50, p99, max } = summary
  return [count(n), ...[p50, p99, max].map(milliseconds)]
}

function otherTable({ counts }: Ledger): string {
  const rows = [...counts].sort(([a], [b]) => a.localeCompare(b)).map(([name, n]) => [name, count(n)])
  return table(['Besides', 'count'], rows)
}

/** A goal, not an invariant: missing it on a slow machine is no defect. */
export function offerGoal(ledger: Ledger): string {
  const p99 = percentile(offerDelays(ledger, 'answeredAt'), 0.99)
  if (p99 === undefined)
    return `  Goal: an offer on a phone within ${OFFER_GOAL_MS} ms. Nobody was offered anything.`
  const verdict = p99 <= OFFER_GOAL_MS ? 'met' : 'missed'
  return `  Goal: 99 of 100 offers on a phone within ${OFFER_GOAL_MS} ms of the answer: ${verdict}, ${milliseconds(p99)}.`
}

/** A defect that breaks everything should not scroll the first violation out of sight. */
const VIOLATIONS_SHOWN = 10

export function showChecks(checks: readonly Check[]): string {
  return checks.flatMap(showCheck).join('\n')
}

function showCheck({ claim, violations }: Check): string[] {
  const more = violations.length - VIOLATIONS_SHOWN
  return [
    `  ${violations.length === 0 ? '✓' : '✗'} ${claim}`,
    ...violations.slice(0, VIOLATIONS_SHOWN).map(violation => `      ${violation}`),
    ...(more > 0 ? [`      and ${counted(more, 'more', 'more')}`] : []),
  ]
}
