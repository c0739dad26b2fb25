/*
 * Bodies: JSON in UTF-8, within bounds, nothing else. What is not that is a problem, never an exception.
 */
import express, { type Request, type Response } from 'express'
import { cut, invalid } from '../../dispatch/border.js'
import { ok, problem, type Result } from '../../dispatch/problems.js'

/**
 * The contract's limit. A request of 500 trucks takes 20 KB; a megabyte is parsed in some milliseconds,
 * and much more would make everyone else on the event loop wait.
 */
const MAX_BODY = '1mb'
/** The deepest thing clients send has 4 levels. V8 takes 180 ms for a megabyte of brackets (measured). */
const MAX_JSON_DEPTH = 32

const readRaw = express.raw({ type: () => true, limit: MAX_BODY })
const decoder = new TextDecoder('utf-8', { fatal: true })

/** The body as parsed JSON; no body at all counts as `{}`, for commands whose fields are all optional. */
export async function readJsonBody(req: Request, res: Response): Promise<Result<unknown>> {
  const bytes = await readBytes(req, res)
  if (!bytes.ok) return bytes
  if (bytes.value.length === 0) return ok({})
  if (!req.is('application/json')) {
    return invalid([{ path: 'Content-Type', message: 'Expected application/json' }])
  }
  return parseJson(bytes.value)
}

async function readBytes(req: Request, res: Response): Promise<Result<Buffer>> {
  try {
    await new Promise<void>((resolve, reject) => {
      readRaw(req, res, error => (error === undefined ? resolve() : reject(error)))
    })
    return ok(Buffer.isBuffer(req.body) ? req.body : Buffer.alloc(0))
  } catch (error) {
    return bodyProblem(error)
  }
}

/** Errors of body-parser carry a `type`; one without it is not the client's doing. */
function bodyProblem(error: unknown): Result<never> {
  const { type, status } = error as { type?: string; status?: number }
  if (type === 'entity.too.large') {
    return problem('PAYLOAD_TOO_LARGE', { detail: `A body has at most ${MAX_BODY}` })
  }
  if (type === 'encoding.unsupported') {
    return invalid([{ path: 'Content-Encoding', message: 'Expected identity, gzip, deflate or br' }])
  }
  if (type !== undefined || (status !== undefined && status < 500)) {
    return problem('MALFORMED_JSON', { detail: 'The body could not be read' })
  }
  throw error
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

/** Counts brackets outside strings, on the bytes: UTF-8 never has these inside another character. */
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
