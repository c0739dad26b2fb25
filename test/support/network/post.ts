import { Pool } from 'undici'

export interface PostAnswer {
  readonly status: number
  readonly text: string
  readonly retryAfter: string | undefined
}

export interface Poster {
  /** Rejects when the connection fails. */
  post(path: string, token: string, body: unknown): Promise<PostAnswer>
  close(): Promise<void>
}

/** A minimal client with keep-alive connections. */
export function createPoster(url: string, connections: number): Poster {
  const pool = new Pool(url, { connections, pipelining: 1 })
  return {
    async post(path, token, body) {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const answer = await pool.request({ method: 'POST', path, headers, body: JSON.stringify(body) })
      const retryAfter = answer.headers['retry-after']
      return {
        status: answer.statusCode,
        text: await answer.body.text(),
        retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined,
      }
    },
    close: () => pool.close(),
  }
}
