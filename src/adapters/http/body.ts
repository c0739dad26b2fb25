/* Reads JSON bodies in UTF-8, within bounds. Anything else is answered with a problem and never throws. */
import type { ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import type { Request } from 'express'
import { cut, invalid } from '../../dispatch/border.js'
import { ok, problem, type Result } from '../../dispatch/problems.js'
import { MAX_BODY_BYTES } from './receive-body.js'
import { exchangeOf } from './traffic/exchange.js'

/** The deepest body that clients send has 4 levels. V8 needs 180 ms to parse a megabyte of brackets (measured). */
const MAX_JSON_DEPTH = 32

const decoder = new TextDecoder('utf-8', { fatal: true })

/** The parsed JSON body. A missing body counts as `{}`, for commands whose fields are all optional. */
export async function readJsonBody(req: Request, res: ServerResponse): Promise<Result<unknown>> {
  const received = exchangeOf(res)?.body
  if (received === 'too large') return tooLarge
  if (received === undefined || received.length === 0) return ok({})
  const encoding = (req.headers['content-encoding'] ?? 'identity').toLowerCase()
  const bytes = encoding === 'identity' ? ok(received) : await decode(received, encoding)
  if (!bytes.ok) return bytes
  if (bytes.value.length === 0) return ok({})
  if (!req.is('application/json')) {
    return invalid([{ path: 'Content-Type', message: 'Expected application/json' }])
  }
  return parseJson(bytes.value)
}

const tooLarge = problem('PAYLOAD_TOO_LARGE', { detail: 'A body has at most 1 MB' })

const decoders = new Map([
  ['gzip', promisify(gunzip)],
  ['deflate', promisify(inflate)],
  ['br', promisify(brotliDecompress)],
])

/** Inflates at most as many bytes as a body may have, so a small body cannot fill the memory. */
async function decode(bytes: Buffer, encoding: string): Promise<Result<Buffer>> {
  const decoding = decoders.get(encoding)
  if (decoding === undefined) {
    return invalid([{ path: 'Content-Encoding', message: 'Expected identity, gzip, deflate or br' }])
  }
  try {
    return ok(await decoding(bytes, { maxOutputLength: MAX_BODY_BYTES }))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return tooLarge
    return problem('MALFORMED_JSON', { detail: 'The body could not be read' })
  }
}

function parseJson(bytes: Buffer): Result<unknown> {
  if (nestsTooDeeply(bytes)) {
    return invalid([{ path: '', message: `Expected at most ${MAX_JSON_DEPTH} levels of nesting` }])
  }
  try {
    return ok(JSON.parse(decoder.decode(bytes)))
  } catch (error) {
    return problem('MALFORMED_JSON', { detail: cut((error as Error).message) })
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Counts brackets outside strings. It works on bytes: no UTF-8 character contains the byte of a bracket or a quote. */
function nestsTooDeeply(bytes: Buffer): boolean {
  let depth = 0
  let inString = false
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i]
    if (inString) {
      if (byte === BACKSLASH) i += 1
      else if (byte === QUOTE) inString = false
    } else if (byte === QUOTE) inString = true
    else if (byte === 0x5b || byte === 0x7b) {
      depth += 1
      if (depth > MAX_JSON_DEPTH) return true
    } else if (byte === 0x5d || byte === 0x7d) depth -= 1
  }
  return false
}
