/*
 * FCM's v1 interface and Google's sign-in on this machine: HTTPS under their own names, with a certificate made for the
 * test. The test decides the answer to each message.
 */
import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Agent, createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, connect } from 'node:tls'
import { makeCertificates } from '../network/certificates.js'

export const FCM_HOST = 'fcm.googleapis.com'
export const SIGN_IN_HOST = 'oauth2.googleapis.com'

/** A request to `/v1/projects/<project>/messages:send`. */
export interface Asked {
  readonly path: string
  readonly authorization: string | undefined
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of it
  readonly message: any
  readonly bytes: number
}

export type FcmReply =
  | 'sent'
  | 'cut'
  | 'hang'
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body: string }

export interface FcmServer {
  /** Connects both hosts to this server, and trusts no other. */
  readonly agent: Agent
  readonly asked: readonly Asked[]
  /** The number of sign-ins so far. */
  readonly signIns: () => number
  /** The answers from now on. */
  reply: (asked: Asked) => FcmReply
  /** The status of sign-ins from now on. */
  signInStatus: number
  forget(): void
  close(): Promise<void>
}

/** FCM's error for this status, with its own code if there is one. */
export function fcmError(
  status: number,
  word: string,
  code?: string,
  headers?: Record<string, string>,
): FcmReply {
  const details =
    code === undefined
      ? {}
      : { details: [{ '@type': 'type.googleapis.com/google.firebase.fcm.v1.FcmError', errorCode: code }] }
  return {
    status,
    ...(headers === undefined ? {} : { headers }),
    body: JSON.stringify({ error: { code: status, message: `It is ${word}`, status: word, ...details } }),
  }
}

/** Starts a fake FCM. Over 70 lines because its routes share the messages and the failures to come. */
export async function startFcmServer(): Promise<FcmServer> {
  const { caFile, certFile, keyFile } = await makeCertificates([FCM_HOST, SIGN_IN_HOST])
  const ca = readFileSync(caFile)
  const asked: Asked[] = []
  const sockets = new Set<Duplex>()
  let signIns = 0

  const http = createServer(
    { cert: readFileSync(certFile), key: readFileSync(keyFile) },
    (request, response) => {
      serve(request, response).catch(error => response.destroy(error as Error))
    },
  )
  http.on('connection', socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  const { port } = http.address() as AddressInfo

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString()
    if (request.headers.host === SIGN_IN_HOST) signIn(text, response)
    else if (request.headers.host === FCM_HOST) take(request, text, response)
    else respond(response, 421, '{}')
  }

  function signIn(text: string, response: ServerResponse): void {
    signIns += 1
    const grant = new URLSearchParams(text)
    const isGrant = grant.get('grant_type') === 'urn:ietf:params:oauth:grant-type:jwt-bearer'
    const status = isGrant && grant.get('assertion') ? server.signInStatus : 400
    const body =
      status === 200
        ? { access_token: `token-${signIns}`, expires_in: 3_599, token_type: 'Bearer' }
        : { error: 'invalid_grant', error_description: 'No such account' }
    respond(response, status, JSON.stringify(body))
  }

  function take(request: IncomingMessage, text: string, response: ServerResponse): void {
    const { message } = JSON.parse(text)
    const one = {
      path: request.url ?? '',
      authorization: request.headers.authorization,
      message,
      bytes: Buffer.byteLength(text),
    }
    asked.push(one)
    const reply = server.reply(one)
    if (reply === 'hang') return
    if (reply === 'cut') request.socket.destroy()
    else if (reply === 'sent') {
      const name = createHash('sha256').update(text).digest('hex').slice(0, 16)
      respond(response, 200, JSON.stringify({ name: `projects/p/messages/${name}` }))
    } else respond(response, reply.status, reply.body, reply.headers)
  }

  const server: FcmServer = {
    agent: agentTo(port, ca),
    asked,
    signIns: () => signIns,
    reply: () => 'sent',
    signInStatus: 200,
    forget: () => void asked.splice(0),
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => http.close(resolve))
    },
  }
  return server
}

function respond(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=UTF-8', ...headers }).end(body)
}

function agentTo(port: number, ca: Buffer): Agent {
  // Throws here for an invalid certificate, and not at the first message.
  new X509Certificate(ca)
  const agent = new Agent({ keepAlive: true, maxSockets: 20 })
  Object.assign(agent, {
    createConnection: (options: ConnectionOptions) =>
      connect({ ...options, host: '127.0.0.1', port, ca, servername: options.servername ?? FCM_HOST }),
  })
  return agent
}
