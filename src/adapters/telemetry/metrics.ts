/*
 * Metrics for Prometheus. Names and labels are a public interface: the dashboards and alerts in `ops/` use them, and a
 * test checks that they match. Clients cannot choose the value of a label, so the number of series stays small.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { ProductMeter } from '../../dispatch/ports.js'
import type { Meter } from '../../runtime/telemetry.js'

/** In seconds, from a commit on a quiet database to the time after which clients give up. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
/** Transitions of one commit, from one to the most that a commit may have. */
const SIZES = [1, 2, 5, 10, 20, 50, 100, 200, 500]
const TRANSITIONS_HELP =
  'Events that were decided, by outcome. Accepts refused before the engine count in http_answers_total only, by code'

export interface Metrics {
  readonly meter: Meter
  readonly product: ProductMeter
  /** Gauges that are read whenever the metrics are requested. */
  watch(gauges: WatchedGauges): void
  /** The metrics in the text format of Prometheus. */
  page(): Promise<string>
  readonly contentType: string
  /** Loadcast's own metrics and what they mean, for the documentation. */
  describe(): readonly MetricDescription[]
}

export interface MetricDescription {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly labels: readonly string[]
}

export interface PoolState {
  readonly idle: number
  readonly total: number
  readonly waiting: number
}

/** The work that waits according to the database, at most a few seconds old. Ages are in milliseconds. */
export interface Backlog {
  readonly outboxDepth: number
  readonly outboxAgeMs: number
  readonly timersOverdueMs: number
  readonly deadLetters: number
  readonly deadTimers: number
}

export interface WatchedGauges {
  sockets(): number
  requests(): { readonly underWay: number; readonly limit: number }
  traffic(): Readonly<Record<'connections' | 'underWay' | 'arriving' | 'unread', number>>
  pools(): Readonly<Record<string, PoolState>>
  /** Throws while the database is unavailable. These gauges are absent then. */
  backlog(): Promise<Backlog>
}

/** Creates metrics with the prefix `loadcast_` and describes them for the documentation. */
class MetricFactory {
  readonly registry = new Registry()
  readonly described: MetricDescription[] = []

  counter(name: string, help: string, labels: readonly string[]) {
    return new Counter(this.#declare('counter', name, help, labels))
  }

  histogram(name: string, help: string, buckets: number[], labels: readonly string[] = []) {
    return new Histogram({ ...this.#declare('histogram', name, help, labels), buckets })
  }

  gauge(name: string, help: string, labels: readonly string[] = []) {
    return new Gauge(this.#declare('gauge', name, help, labels))
  }

  #declare(type: string, name: string, help: string, labels: readonly string[]) {
    this.described.push({ name: `loadcast_${name}`, type, help, labels })
    return { name: `loadcast_${name}`, help, labelNames: [...labels], registers: [this.registry] }
  }
}

export function createMetrics({ version }: { readonly version: string }): Metrics {
  const factory = new MetricFactory()
  const { registry, described } = factory
  collectDefaultMetrics({ register: registry })
  factory.gauge('info', 'Always 1. The label is the running release', ['version']).set({ version }, 1)
  const meter = engineMeter(factory)
  const product = productMeter(factory)
  const look = gaugesOf(factory)
  let watched: WatchedGauges | undefined
  return {
    meter,
    product,
    watch(gauges) {
      watched = gauges
    },
    async page() {
      if (watched !== undefined) await look(watched)
      return registry.metrics()
    },
    contentType: registry.contentType,
    describe: () => described,
  }
}

function engineMeter(factory: MetricFactory): Meter {
  const transitions = factory.counter('transitions_total', TRANSITIONS_HELP, ['machine', 'event', 'outcome'])
  const conflicts = factory.counter('conflicts_total', 'Commits that wrote nothing, by reason', ['kind'])
  const commitSeconds = factory.histogram(
    'commit_seconds',
    'Duration of a commit, from its first byte to the answer',
    SECONDS,
  )
  const commitTransitions = factory.histogram('commit_transitions', 'Transitions in one commit', SIZES)
  const timerLateness = factory.histogram(
    'timer_lateness_seconds',
    'Time from the moment a timer was due until it was claimed',
    SECONDS,
    ['machine'],
  )
  const deliveries = factory.counter('deliveries_total', 'Deliveries of events, by outcome', [
    'subscriber',
    'outcome',
  ])
  const deliverySeconds = factory.histogram(
    'delivery_seconds',
    'Time from a transition to the delivery of its event',
    SECONDS,
    ['subscriber'],
  )
  const rearmed = factory.counter('timers_rearmed_total', 'Missing timers that were armed again', ['machine'])
  const timerFailures = factory.counter(
    'timer_failures_total',
    'Timers whose transition failed, by outcome: retried or dead',
    ['machine', 'outcome'],
  )
  const historyLosses = factory.counter(
    'history_losses_total',
    'How often the database lost transactions it had shown before, for example in an asynchronous failover',
    [],
  )
  return {
    decided: (machine, event, outcome) => transitions.inc({ machine, event, outcome }),
    committed({ transitions: size, ms }) {
      commitSeconds.observe(ms / 1000)
      commitTransitions.observe(size)
    },
    conflict: kind => conflicts.inc({ kind }),
    timerFired: (machine, lateMs) => timerLateness.observe({ machine }, Math.max(0, lateMs) / 1000),
    timerFailed: (machine, isLast) => timerFailures.inc({ machine, outcome: isLast ? 'dead' : 'retried' }),
    timersRearmed: (machine, count) => rearmed.inc({ machine }, count),
    historyLost: () => historyLosses.inc(),
    delivered(subscriber, ageMs) {
      deliveries.inc({ subscriber, outcome: 'delivered' })
      deliverySeconds.observe({ subscriber }, Math.max(0, ageMs) / 1000)
    },
    deliveryFailed: (subscriber, isLast) =>
      deliveries.inc({ subscriber, outcome: isLast ? 'dead' : 'retried' }),
  }
}

function productMeter(factory: MetricFactory): ProductMeter {
  const answers = factory.counter('http_answers_total', 'HTTP answers', ['route', 'method', 'status', 'code'])
  const answerSeconds = factory.histogram(
    'http_answer_seconds',
    'Time from a request to its answer',
    SECONDS,
    ['route'],
  )
  const reachSteps = factory.counter('reach_steps_total', 'Steps of reach that were completed', ['step'])
  const reachTransporters = factory.counter('reach_transporters_total', 'Transporters that a step found', [
    'step',
    'outcome',
  ])
  const emits = factory.counter('socket_emits_total', 'Emits to sockets', ['type'])
  const emitRooms = factory.counter('socket_emit_rooms_total', 'Rooms that emits were sent to', ['type'])
  const cutOffs = factory.counter(
    'http_cut_off_total',
    'Clients that were disconnected: slow_body, unread_answer, or no_room when a room was full',
    ['reason'],
  )
  const pushes = factory.counter('push_messages_total', 'Push messages, by outcome', ['outcome'])
  return {
    answered({ route, method, status, code = '', ms }) {
      answers.inc({ route, method, status, code })
      answerSeconds.observe({ route }, ms / 1000)
    },
    reached({ step, offered, notOffered }) {
      reachSteps.inc({ step })
      reachTransporters.inc({ step, outcome: 'offered' }, offered)
      reachTransporters.inc({ step, outcome: 'not_offered' }, notOffered)
    },
    emitted(type, rooms) {
      emits.inc({ type })
      emitRooms.inc({ type }, rooms)
    },
    pushed: (outcome, messages) => pushes.inc({ outcome }, messages),
    cutOff: reason => cutOffs.inc({ reason }),
  }
}

/** Returns a function that sets the gauges from their sources. */
function gaugesOf(factory: MetricFactory): (gauges: WatchedGauges) => Promise<void> {
  const sockets = factory.gauge('sockets', 'Sockets connected to this process')
  const requests = factory.gauge('http_requests_under_way', 'Requests in progress')
  const requestLimit = factory.gauge(
    'http_requests_limit',
    'How many requests may be in progress; more get 503',
  )
  const connections = factory.gauge(
    'http_connections',
    'Connections to the HTTP server, including those of sockets',
  )
  const exchanges = factory.gauge(
    'http_exchanges',
    'Requests that have begun and whose answers are not fully sent, including queued requests',
  )
  const bodiesArriving = factory.gauge('http_bodies_arriving', 'Requests whose bodies are still arriving')
  const answersUnread = factory.gauge('http_answers_unread', 'Answers that their clients have not read')
  const pool = factory.gauge('pool_connections', 'Connections to the database, and callers waiting for one', [
    'pool',
    'state',
  ])
  const outboxDepth = factory.gauge(
    'outbox_depth',
    'Pending deliveries of all processes; counted up to 10,000',
  )
  const outboxAge = factory.gauge('outbox_age_seconds', 'How long the oldest pending delivery has waited')
  const timersOverdue = factory.gauge(
    'timers_overdue_seconds',
    'How long the oldest due timer has been overdue',
  )
  const deadLetters = factory.gauge(
    'dead_letters',
    'Deliveries that are no longer retried; counted up to 10,000',
  )
  const deadTimers = factory.gauge(
    'dead_timers',
    'Timers that failed too often and no longer fire; counted up to 10,000',
  )
  const backlogKnown = factory.gauge(
    'backlog_known',
    '1 if the database reported the backlog, 0 if it did not answer',
  )

  return async gauges => {
    sockets.set(gauges.sockets())
    const { underWay, limit } = gauges.requests()
    requests.set(underWay)
    requestLimit.set(limit)
    const traffic = gauges.traffic()
    connections.set(traffic.connections)
    exchanges.set(traffic.underWay)
    bodiesArriving.set(traffic.arriving)
    answersUnread.set(traffic.unread)
    for (const [name, { idle, total, waiting }] of Object.entries(gauges.pools())) {
      pool.set({ pool: name, state: 'idle' }, idle)
      pool.set({ pool: name, state: 'busy' }, total - idle)
      pool.set({ pool: name, state: 'waiting' }, waiting)
    }
    const known = await gauges.backlog().catch(() => undefined)
    backlogKnown.set(known === undefined ? 0 : 1)
    const seconds = (ms: number | undefined) => (ms ?? Number.NaN) / 1000
    outboxDepth.set(known?.outboxDepth ?? Number.NaN)
    outboxAge.set(seconds(known?.outboxAgeMs))
    timersOverdue.set(seconds(known?.timersOverdueMs))
    deadLetters.set(known?.deadLetters ?? Number.NaN)
    deadTimers.set(known?.deadTimers ?? Number.NaN)
  }
}
