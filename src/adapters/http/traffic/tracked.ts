import type { ServerResponse } from 'node:http'
import type { Exchange } from './exchange.js'

/** The additions of our responses. */
export interface Tracked {
  exchange: Exchange | undefined
}

export const exchangeOf = (res: ServerResponse): Exchange | undefined =>
  (res as ServerResponse & Partial<Tracked>).exchange
