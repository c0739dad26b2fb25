/* The comparison of B7: Express with the same JSON parsing, token check and zod schema, and an answer, but no work. */
import type { AddressInfo } from 'node:net'
import express from 'express'
import { createTokenVerifier } from '../../src/adapters/tokens/jwt.js'
import { broadcastEvent } from '../../src/dispatch/requests.js'
import { TEST_SECRET } from '../../test/support/server/tokens.js'
import { serveOrders } from '../worker.js'

const verify = createTokenVerifier({ secret: TEST_SECRET })
const answer = { text: 'x'.repeat(Number(process.argv[2])) }
const app = express()
app.disable('etag')
app.disable('x-powered-by')
app.use(express.json())
app.post('/api/v1/broadcasts/:id/events', async (req, res) => {
  const verified = await verify((req.headers.authorization ?? '').slice('Bearer '.length))
  if (!verified.ok) return void res.status(401).end()
  const event = broadcastEvent.safeParse(req.body)
  if (!event.success) return void res.status(400).end()
  res.json(answer)
})
const server = app.listen(0, '127.0.0.1', () => {
  serveOrders(
    async () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    () => process.exit(0),
  )
})
