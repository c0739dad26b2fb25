/* Sets up metrics and traces. */
import type { Logger } from 'pino'
import { createMetrics, type Metrics } from '../adapters/telemetry/metrics.js'
import type { Fanout, ProductMeter } from '../dispatch/ports.js'
import type { Tracer } from '../runtime/telemetry.js'
import type { Settings } from './settings/settings.js'

export interface Telemetry {
  readonly metrics: Metrics
  /** Absent if no collector is configured. Then nothing of it is loaded. */
  readonly tracer: Tracer | undefined
  close(): Promise<void>
}

export async function openTelemetry(
  { otlpEndpoint, traceRatio }: Pick<Settings, 'otlpEndpoint' | 'traceRatio'>,
  process: { readonly version: string; readonly instanceId: string },
  log: Logger,
): Promise<Telemetry> {
  const metrics = createMetrics(process)
  if (otlpEndpoint === undefined) return { metrics, tracer: undefined, async close() {} }
  const { createTracing } = await import('../adapters/telemetry/tracing.js')
  const { tracer, close } = createTracing({ ...process, endpoint: otlpEndpoint, ratio: traceRatio, log })
  return { metrics, tracer, close }
}

/** Counts emits to sockets. */
export function meteredFanout(fanout: Fanout, meter: ProductMeter): Fanout {
  return {
    emit(rooms, envelope, except) {
      meter.emitted(envelope.type, rooms.length)
      fanout.emit(rooms, envelope, except)
    },
    disconnectPerson: person => fanout.disconnectPerson(person),
    endSessions: (person, issuedUpTo) => fanout.endSessions(person, issuedUpTo),
  }
}
