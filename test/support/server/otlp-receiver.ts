/* A collector that receives traces over OTLP/HTTP as JSON and records their spans. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { until } from '../engine/engine.js'

export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  /** Empty for the root of a trace. */
  readonly parentSpanId: string
  readonly name: string
  readonly kind: number
  readonly durationMs: number
  readonly attributes: Readonly<Record<string, unknown>>
  /** The `service.instance.id` of the sending process. */
  readonly instanceId: string
  readonly isError: boolean
}

export interface OtlpReceiver {
  readonly endpoint: string
  readonly spans: readonly ReceivedSpan[]
  /** Waits until a span fits, and returns it. */
  span(fits: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan>
  close(): Promise<void>
}

interface Attribute {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] }
    readonly scopeSpans: readonly { readonly spans: readonly RawSpan[] }[]
  }[]
}

interface RawSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly Attribute[]
  readonly status?: { readonly code?: number }
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = []
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk)
    if (req.method !== 'POST' || req.url !== '/v1/traces') {
      res.writeHead(404).end()
      return
    }
    spans.push(...read(JSON.parse(Buffer.concat(chunks).toString())))
    res.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    async span(fits) {
      await until(() => spans.some(fits), 20_000)
      return spans.find(fits) as ReceivedSpan
    },
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function read({ resourceSpans }: Export): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans.map(span => toSpan(span, valuesOf(resource.attributes)))),
  )
}

function toSpan(raw: RawSpan, resource: Readonly<Record<string, unknown>>): ReceivedSpan {
  return {
    traceId: raw.traceId,
    spanId: raw.spanId,
    parentSpanId: raw.parentSpanId ?? '',
    name: raw.name,
    kind: raw.kind,
    durationMs: Number(BigInt(raw.endTimeUnixNano) - BigInt(raw.startTimeUnixNano)) / 1e6,
    attributes: valuesOf(raw.attributes),
    instanceId: String(resource['service.instance.id']),
    isError: raw.status?.code === 2,
  }
}

const valuesOf = (attributes: readonly Attribute[]) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

/** The spans of a trace as an indented tree with their durations, for people and for comparison. */
export function drawTree(spans: readonly ReceivedSpan[], withTimes = true): string {
  const draw = (parent: string, depth: number): string[] =>
    spans
      .filter(span => span.parentSpanId === parent)
      .flatMap(span => {
        const time = withTimes
          ? ` ${span.durationMs.toFixed(1)} ms, process ${span.instanceId.slice(-4)}`
          : ''
        return [`${'  '.repeat(depth)}${span.name}${time}`, ...draw(span.spanId, depth + 1)]
      })
  const known = new Set(spans.map(({ spanId }) => spanId))
  const tops = new Set(spans.map(({ parentSpanId }) => parentSpanId).filter(id => !known.has(id)))
  return [...tops].flatMap(top => draw(top, 0)).join('\n')
}
