/*
 * OpenTelemetry traces, sent over OTLP/HTTP. This is loaded only if an endpoint is set. The current span is kept here and
 * not in OpenTelemetry's globals, because a test may run several servers in one process.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Context,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base'
import type { Logger } from 'pino'
import type { Span, SpanOptions, Tracer } from '../../runtime/telemetry.js'

/** Spans are sent once a second, so a killed process loses at most a second of them. */
const SEND_EVERY_MS = 1_000
/** Spans that wait while the collector is unavailable, about 20 MB. Further ones are dropped. */
const MAX_WAITING_SPANS = 8_192
/** How long the collector may take for a batch. Further batches wait for it. */
const EXPORT_TIMEOUT_MS = 3_000
/** A share of the time that a process has for its shutdown. The last spans are not worth more. */
const CLOSE_WITHIN_MS = 2_000

export interface OpenTracer {
  readonly tracer: Tracer
  /** Sends the waiting spans, within a bounded time. */
  close(): Promise<void>
}

export interface TracingOptions {
  /** The collector's endpoint, from `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly endpoint: string
  readonly version: string
  readonly instanceId: string
  /** The share of traces to keep, 0 to 1. */
  readonly ratio: number
  readonly log: Logger
}

export function createTracing({ endpoint, version, instanceId, ratio, log }: TracingOptions): OpenTracer {
  const url = `${endpoint.replace(/\/+$/, '')}/v1/traces`
  const exporter = tellingOutages(new OTLPTraceExporter({ url, timeoutMillis: EXPORT_TIMEOUT_MS }), log)
  const share = new TraceIdRatioBasedSampler(ratio)
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      'service.name': 'loadcast',
      'service.version': version,
      'service.instance.id': instanceId,
    }),
    // A caller may choose a request's trace, but not that more traces are kept.
    sampler: new ParentBasedSampler({ root: share, remoteParentSampled: share }),
    spanProcessors: [
      new BatchSpanProcessor(exporter, {
        scheduledDelayMillis: SEND_EVERY_MS,
        maxQueueSize: MAX_WAITING_SPANS,
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
      }),
    ],
  })
  return { tracer: tracerOf(provider), close: () => shutDown(provider) }
}

/** Logs one line when the collector is lost and one when it is back. OpenTelemetry reports this only through a global. */
function tellingOutages(exporter: SpanExporter, log: Logger): SpanExporter {
  let isLost = false
  return {
    export(spans, done) {
      exporter.export(spans, result => {
        const hasFailed = result.error !== undefined
        if (hasFailed && !isLost) {
          log.warn({ reason: result.error?.message, spans: spans.length }, 'traces cannot be sent')
        }
        if (!hasFailed && isLost) log.info({}, 'traces are sent again')
        isLost = hasFailed
        done(result)
      })
    },
    shutdown: () => exporter.shutdown(),
  }
}

function tracerOf(provider: BasicTracerProvider): Tracer {
  const otel = provider.getTracer('loadcast')
  const current = new AsyncLocalStorage<OtelSpan | undefined>()
  const spans = new WeakMap<Span, OtelSpan>()

  function contextOf({ parent, isRoot, kind }: SpanOptions): Context {
    const named = parent === undefined ? undefined : parseTraceparent(parent)
    // A parent named by a caller is remote. One named by a journal is our own, whichever process wrote it.
    if (named !== undefined) {
      return trace.setSpanContext(ROOT_CONTEXT, { ...named, isRemote: kind === 'server' })
    }
    const running = isRoot ? undefined : current.getStore()
    return running === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, running)
  }

  return {
    begin(name, options = {}) {
      const { attributes = {}, startedAt, kind } = options
      const started = otel.startSpan(
        name,
        {
          kind: kind === undefined ? SpanKind.INTERNAL : kinds[kind],
          attributes: prefixed(attributes),
          ...(startedAt === undefined ? {} : { startTime: performance.timeOrigin + startedAt }),
        },
        contextOf(options),
      )
      const span: Span = {
        context: started.isRecording() ? traceparentOf(started) : undefined,
        end(more = {}, error) {
          started.setAttributes(prefixed(more))
          if (error !== undefined) {
            started.setStatus({ code: SpanStatusCode.ERROR, message: nameOf(error) })
          }
          started.end()
        },
      }
      spans.set(span, started)
      return span
    },
    within: (span, work) => current.run(span && spans.get(span), work),
  }
}

const kinds = { server: SpanKind.SERVER, consumer: SpanKind.CONSUMER } as const

/** Adds a prefix to our own names. Names of the semantic conventions contain a dot and stay as they are. */
function prefixed(attributes: Readonly<Record<string, string | number | boolean>>) {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [
      name.includes('.') ? name : `loadcast.${name}`,
      value,
    ]),
  )
}

/** The name only: the message may contain what a log would hide. */
const nameOf = (error: unknown) => (error instanceof Error ? error.name : 'error')

function traceparentOf(span: OtelSpan): string {
  const { traceId, spanId, traceFlags } = span.spanContext()
  return `00-${traceId}-${spanId}-${(traceFlags & TraceFlags.SAMPLED).toString(16).padStart(2, '0')}`
}

function parseTraceparent(text: string) {
  const [, traceId, spanId, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(text) ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED }
}

async function shutDown(provider: BasicTracerProvider): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<void>(resolve => {
    timer = setTimeout(resolve, CLOSE_WITHIN_MS)
  })
  // Failed exports have already been logged.
  await Promise.race([provider.shutdown().catch(() => {}), tooLate]).finally(() => clearTimeout(timer))
}
