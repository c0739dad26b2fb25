import { z } from 'zod'
import { docsFile, docsFileNames } from '../docs-page.js'
import { frontPage } from '../front-page.js'
import { checkNames } from '../health.js'
import type { PublicRoute } from '../route.js'

const state = z.enum(['ok', 'degraded', 'down'])
const check = z.looseObject({ status: state })

const healthReport = z
  .object({
    status: state,
    draining: z.literal(true).optional(),
    version: z.string(),
    checks: z.object(Object.fromEntries(checkNames.map(name => [name, check]))),
  })
  .meta({ id: 'Health' })

const HTML = 'text/html; charset=utf-8'

export const publicRoutes: readonly PublicRoute[] = [
  {
    id: 'getHealth',
    method: 'get',
    path: '/health',
    summary: 'Whether this server can do its work',
    isUnlimited: true,
    answers: {
      200: { description: 'Able to work; some checks may be degraded', body: healthReport },
      503: { description: 'Unable to work: balancers should send it no requests', body: healthReport },
    },
    async run({ service }) {
      const report = await service.health()
      return { status: report.status === 'down' ? 503 : 200, body: report }
    },
  },
  {
    id: 'getLiveness',
    method: 'get',
    path: '/health/live',
    summary: 'Whether this server answers at all',
    isUnlimited: true,
    answers: { 200: { description: 'Alive', body: z.object({ status: z.literal('ok') }) } },
    async run() {
      return { status: 200, body: { status: 'ok' } }
    },
  },
  {
    id: 'getMetrics',
    method: 'get',
    path: '/metrics',
    summary: 'Metrics for Prometheus. Behind a balancer only direct callers of the process can read them',
    isInternal: true,
    answers: { 200: { description: 'The metrics', contentType: 'text/plain' } },
    async run({ service }) {
      const { contentType, page } = await service.metrics()
      return { status: 200, headers: { 'content-type': contentType }, body: page }
    },
  },
  {
    id: 'getFrontPage',
    method: 'get',
    path: '/',
    summary: 'A page for people',
    answers: { 200: { description: 'The page', contentType: 'text/html' } },
    async run() {
      return { status: 200, headers: { 'content-type': HTML }, body: frontPage }
    },
  },
  {
    id: 'getOpenApi',
    method: 'get',
    path: '/openapi.json',
    summary: 'This document',
    isFile: true,
    answers: { 200: { description: 'OpenAPI 3.1', body: z.looseObject({ openapi: z.string() }) } },
    async run({ openApi }) {
      return { status: 200, body: openApi }
    },
  },
  {
    id: 'getDocs',
    method: 'get',
    path: '/docs',
    summary: 'This document as an interactive page',
    isFile: true,
    answers: { 200: { description: 'The page', contentType: 'text/html' } },
    async run() {
      return replyFile(docsFile())
    },
  },
  {
    id: 'getDocsFile',
    method: 'get',
    path: '/docs/:file',
    summary: 'The scripts and styles of the documentation page',
    isFile: true,
    params: z.strictObject({ file: z.enum(docsFileNames) }),
    answers: { 200: { description: 'A script or a style sheet', contentType: 'text/*' } },
    async run(_context, { file }) {
      return replyFile(docsFile(String(file)))
    },
  },
]

function replyFile(file: ReturnType<typeof docsFile>) {
  return file && { status: 200, headers: file.headers, body: file.content }
}
