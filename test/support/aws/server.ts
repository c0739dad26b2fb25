/*
 * An HTTP server that speaks AWS's JSON 1.1 protocol, for the real SDK. It also provides the credentials of the task role,
 * and refuses requests that are not signed with them.
 */

import { createHash, createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export const REGION = 'ap-south-1'
const ACCESS_KEY = 'ASIATASKROLE'
const SECRET_KEY = 'task-role-secret-key'
const SESSION = 'task-role-session'

/** An error in the form in which AWS answers it. */
export class AwsError extends Error {
  readonly type: string
  readonly status: number

  constructor(type: string, message = type, status = 400) {
    super(message)
    this.type = type
    this.status = status
  }
}

// biome-ignore lint/suspicious/noExplicitAny: bodies are whatever the protocol says
export type Body = Record<string, any>
export type Operations = Readonly<Record<string, (body: Body) => Body | Promise<Body>>>

export interface AwsServer {
  readonly url: string
  /** All requested operations, in order. */
  readonly calls: { readonly operation: string; readonly body: Body }[]
  /** Environment variables with which a process finds this server and its credentials. */
  readonly environment: Readonly<Record<string, string>>
  /** Runs before each operation. It may throw an `AwsError`, or wait. */
  before: (operation: string, body: Body) => void | Promise<void>
  /** Runs after each operation, before the answer. If it throws, the operation is done nevertheless. */
  after: (operation: string) => void
  close(): Promise<void>
}

/** `operations` have the names of `X-Amz-Target`, without the service's prefix. */
export async function startAws(operations: Operations): Promise<AwsServer> {
  const calls: { operation: string; body: Body }[] = []
  const server = createServer(async (request, response) => {
    if (request.url === '/role') return answer(response, 200, credentials())
    const text = await read(request)
    const operation = String(request.headers['x-amz-target']).split('.')[1] ?? ''
    try {
      assertSigned(request, text)
      const body: Body = JSON.parse(text)
      calls.push({ operation, body })
      await aws.before(operation, body)
      const run = operations[operation]
      if (run === undefined) throw new AwsError('UnknownOperationException', operation)
      const result = await run(body)
      aws.after(operation)
      answer(response, 200, result)
    } catch (error) {
      if (!(error instanceof AwsError)) throw error
      const { type, message, status } = error
      answer(response, status, { __type: type, message }, { 'x-amzn-errortype': type })
    }
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const aws: AwsServer = {
    url,
    calls,
    environment: { AWS_ENDPOINT_URL: url, AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/role` },
    before: () => {},
    after: () => {},
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
  return aws
}

function credentials() {
  const Expiration = new Date(Date.now() + 3_600_000).toISOString()
  return { AccessKeyId: ACCESS_KEY, SecretAccessKey: SECRET_KEY, Token: SESSION, Expiration }
}

/** Checks Signature Version 4 by computing it. A caller with other keys, or none, is refused. */
function assertSigned(request: IncomingMessage, body: string): void {
  const given = /Credential=(\S+?)\/(\d+)\/(\S+?)\/(\S+?)\/aws4_request, SignedHeaders=(\S+), Signature=(\w+)/
  const [, key, date = '', region = '', service = '', names = '', signature] =
    given.exec(request.headers.authorization ?? '') ?? []
  if (key !== ACCESS_KEY || request.headers['x-amz-security-token'] !== SESSION) {
    throw new AwsError('UnrecognizedClientException', 'The security token is not valid', 403)
  }
  const headers = names.split(';').map(name => `${name}:${String(request.headers[name]).trim()}\n`)
  const canonical = ['POST', request.url, '', headers.join(''), names, sha256(body)].join('\n')
  const scope = `${date}/${region}/${service}/aws4_request`
  const toSign = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], scope, sha256(canonical)].join('\n')
  const signingKey = [date, region, service, 'aws4_request'].reduce<Buffer | string>(
    (signed, part) => createHmac('sha256', signed).update(part).digest(),
    `AWS4${SECRET_KEY}`,
  )
  if (createHmac('sha256', signingKey).update(toSign).digest('hex') !== signature) {
    throw new AwsError('InvalidSignatureException', 'The signature does not fit', 403)
  }
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

function answer(response: ServerResponse, status: number, body: Body, headers = {}): void {
  if (response.destroyed) return
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', ...headers })
  response.end(JSON.stringify(body))
}
