import { type Agent, request } from 'node:http'

export interface PostAnswer {
  readonly status: number
  readonly text: string
}

/** The least that a client has to do. Rejects when the connection fails. */
export function post(agent: Agent, url: string, token: string, body: unknown): Promise<PostAnswer> {
  const text = JSON.stringify(body)
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  }
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', agent, headers }, response => {
      let received = ''
      response.setEncoding('utf8')
      response.on('data', chunk => {
        received += chunk
      })
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text: received }))
      response.once('error', reject)
    })
    sent.once('error', reject)
    sent.end(text)
  })
}
