/* Settings of traces. Their names are those of OpenTelemetry. */
import { z } from 'zod'
import { expecting, type SettingGroup, server } from './setting.js'

const share = expecting('a share, a decimal number from 0 to 1', message =>
  z
    .string()
    .regex(/^(0(\.\d+)?|1(\.0+)?)$/, message)
    .transform(Number)
    .default(1),
)

export const traceSettings = {
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    schema: expecting('http://host:port or https://…', message =>
      z.string().refine(isCollector, message).optional(),
    ),
    meaning: 'The collector that traces are sent to.',
    example: 'http://127.0.0.1:4318',
    unset: 'there are no traces',
    readBy: server,
  },
  OTEL_TRACES_SAMPLER_ARG: {
    schema: share,
    meaning: 'The share of traces that are kept.',
    example: '0.05',
    readBy: server,
  },
} as const satisfies SettingGroup

/** No query and no password: what is sent is appended to it. */
function isCollector(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url !== undefined && /^https?:$/.test(url.protocol) && url.search === '' && url.password === ''
}
