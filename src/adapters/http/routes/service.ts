import type { PublicRoute } from '../route.js'
import { statusPage } from '../status-page.js'

export const publicRoutes: readonly PublicRoute[] = [
  {
    method: 'get',
    path: '/health',
    summary: 'Whether the process can do its work; 503 when it should get none',
    async run({ service }) {
      const report = await service.health()
      return { status: report.status === 'down' ? 503 : 200, body: report }
    },
  },
  {
    method: 'get',
    path: '/health/live',
    summary: 'Whether the process answers at all',
    async run() {
      return { status: 200, body: { status: 'ok' } }
    },
  },
  {
    method: 'get',
    path: '/',
    summary: 'A page for people',
    async run({ service }) {
      const [health, counts] = await Promise.all([service.health(), service.counts()])
      return {
        status: 200,
        headers: { 'content-type': 'text/html; charset=utf-8' },
        body: statusPage(health, counts),
      }
    },
  },
]
