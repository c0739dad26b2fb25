/*
 * Finds the server of a connection: the configured one, the master of a cluster's slot, or the master that sentinels name.
 * Each connection asks all known servers at once. A server that hangs delays nothing, and one that is cut off and names an
 * old master loses to a higher epoch.
 */
import type { ConnectionOptions } from 'node:tls'
import { Redis } from 'ioredis'
import { describeHost, type RedisAddress, type RedisCredentials, type RedisHost } from './address.js'

/** REDIS_URL or REDIS_MODE does not fit the server. The message names the setting to change. */
export class RedisModeError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'RedisModeError'
  }
}

/** A reachable server answers within milliseconds; a slower one is skipped. */
const ANSWER_TIMEOUT_MS = 2_000
/** How long the first answer waits for the others: enough for all healthy servers, short for a lost connection. */
const OTHERS_WAIT_MS = 200

/** TLS options of a connection; the certificate is verified against the requested name. */
export type RedisTls = Pick<ConnectionOptions, 'ca'>

export interface LocateOptions {
  readonly address: RedisAddress
  readonly tls: RedisTls | undefined
  /** A key or channel, whose slot selects the node of a cluster. */
  readonly slotOf: string
}

export interface FoundServer extends RedisHost {
  /** The same for one server, whatever name is used for it. */
  readonly id: string
}

/** Resolves with the address to connect to; rejects when no server names one now. */
export function locator(options: LocateOptions): () => Promise<FoundServer> {
  const { address } = options
  const [first] = address.hosts
  if (first === undefined) throw new Error('A Redis address without a host')
  if (address.mode === 'standalone') return async () => ({ ...first, id: describeHost(first) })
  if (address.mode === 'sentinel') return () => locateMaster(options)
  let known = address.hosts
  return async () => {
    const view = await locateSlot(options, known)
    // Nodes come and go: those named in REDIS_URL may all be replaced one day.
    known = uniqueHosts([...address.hosts, ...view.nodes])
    return view.master
  }
}

/**
 * Resolves with false when no server answers in time. Throws `RedisModeError` when a server has another mode than
 * REDIS_MODE, or when the sentinels know no such master.
 */
export async function assertRedisMode(options: Omit<LocateOptions, 'slotOf'>): Promise<boolean> {
  const { address } = options
  const isMaster = address.mode === 'sentinel'
  const { answers } = await askAll(options, address.hosts, async client => {
    await assertMode(client, address)
    return isMaster ? await askForMaster(client, address.masterName) : undefined
  })
  return answers.length > 0
}

/** The problem of a server with this `redis_mode`, or undefined. A server that does not report one is accepted. */
export function modeProblem({ mode }: RedisAddress, redisMode: string | undefined): string | undefined {
  if (redisMode === undefined || redisMode === (mode === 'sentinel' ? 'sentinel' : mode)) return undefined
  if (redisMode === 'cluster') {
    return `REDIS_MODE=${mode}, but this Redis is a cluster: set REDIS_MODE=cluster`
  }
  if (redisMode === 'sentinel') {
    return (
      `REDIS_MODE=${mode}, but this is a sentinel: set REDIS_MODE=sentinel, ` +
      'and name the master in REDIS_URL (redis://sentinel:26379/master-name)'
    )
  }
  if (mode === 'sentinel') {
    return 'REDIS_MODE=sentinel, but this is no sentinel: name the sentinels in REDIS_URL, or leave REDIS_MODE unset'
  }
  return 'REDIS_MODE=cluster, but this Redis is no cluster: set REDIS_MODE=standalone'
}

interface SlotView {
  readonly epoch: number
  readonly isOk: boolean
  readonly master: FoundServer
  readonly nodes: readonly RedisHost[]
}

async function locateSlot(options: LocateOptions, known: readonly RedisHost[]): Promise<SlotView> {
  const { answers, reason } = await askAll(options, known, async (client, asked) => {
    const [, slots, slot, info] = await Promise.all([
      assertMode(client, options.address),
      client.cluster('SLOTS') as Promise<SlotRange[]>,
      client.cluster('KEYSLOT', options.slotOf),
      client.cluster('INFO') as Promise<string>,
    ])
    return viewOf(slots, slot, info, asked, options.tls !== undefined)
  })
  const [best] = answers.sort((a, b) => Number(b.isOk) - Number(a.isOk) || b.epoch - a.epoch)
  if (best === undefined) throw new Error(`No node of the cluster answers (${reason})`)
  return best
}

type SlotRange = readonly [from: number, to: number, ...nodes: SlotNode[]]
type SlotNode = readonly [endpoint: string | null, port: number, id: string, facts?: readonly string[]]

function viewOf(
  ranges: readonly SlotRange[],
  slot: number,
  info: string,
  asked: RedisHost,
  isTls: boolean,
): SlotView {
  const place = (node: SlotNode) => placeOf(node, asked, isTls)
  const range = ranges.find(([from, to]) => from <= slot && slot <= to)
  const master = range?.[2]
  if (master === undefined) throw new Error(`no node of the cluster serves slot ${slot}`)
  return {
    epoch: Number(/^cluster_current_epoch:(\d+)/m.exec(info)?.[1] ?? 0),
    isOk: /^cluster_state:ok/m.test(info),
    master: { ...place(master), id: master[2] },
    nodes: ranges.flatMap(([, , ...nodes]) => nodes.map(place)),
  }
}

/** A node that does not know its own address has the one we used. A node with a certificate is addressed by its name. */
function placeOf([endpoint, port, , facts = []]: SlotNode, asked: RedisHost, isTls: boolean): RedisHost {
  const fact = (name: string) => {
    const at = facts.indexOf(name)
    return at < 0 ? undefined : facts[at + 1] || undefined
  }
  const named = endpoint === null || endpoint === '' || endpoint === '?' ? undefined : endpoint
  const hostname = isTls ? fact('hostname') : undefined
  return { host: hostname ?? named ?? fact('ip') ?? asked.host, port: Number(port) }
}

interface MasterView extends RedisHost {
  readonly epoch: number
}

async function locateMaster(options: LocateOptions): Promise<FoundServer> {
  const { address } = options
  const { answers, reason } = await askAll(options, address.hosts, client =>
    askForMaster(client, address.masterName),
  )
  const [best] = answers.sort((a, b) => b.epoch - a.epoch)
  if (best === undefined) throw new Error(`No sentinel answers (${reason})`)
  return { host: best.host, port: best.port, id: describeHost(best) }
}

async function askForMaster(sentinel: Redis, masterName: string): Promise<MasterView> {
  const answer = await (sentinel.call('SENTINEL', 'MASTER', masterName) as Promise<string[]>).catch(error => {
    if (!/no such master/i.test(String(error))) throw error
    const message = `REDIS_URL: the sentinels know no master named ${masterName}`
    throw new RedisModeError(message, { cause: error })
  })
  const fact = (name: string) => answer[answer.indexOf(name) + 1] ?? ''
  return { host: fact('ip'), port: Number(fact('port')), epoch: Number(fact('config-epoch')) }
}

async function assertMode(client: Redis, address: RedisAddress): Promise<void> {
  // A user without permission for INFO is accepted.
  const info = await client.info('server').catch(error => {
    if (String(error).includes('NOPERM')) return ''
    throw error
  })
  const problem = modeProblem(address, /^redis_mode:(\w+)/m.exec(info)?.[1])
  if (problem !== undefined) throw new RedisModeError(problem)
}

interface Answers<T> {
  readonly answers: T[]
  /** Reason of the last failure. */
  readonly reason: string
}

/**
 * The answers of all servers that reply in time. Throws `RedisModeError` only if there is no valid answer: one stray server
 * among good ones is skipped.
 */
async function askAll<T>(
  options: Omit<LocateOptions, 'slotOf'>,
  hosts: readonly RedisHost[],
  ask: (client: Redis, host: RedisHost) => Promise<T>,
): Promise<Answers<T>> {
  const answers: T[] = []
  let reason = 'no answer'
  let refusal: RedisModeError | undefined
  let hasAnswered = () => {}
  const first = new Promise<void>(resolve => {
    hasAnswered = resolve
  })
  const all = Promise.all(
    hosts.map(async host => {
      try {
        answers.push(await askOne(options, host, ask))
        hasAnswered()
      } catch (error) {
        reason = `${describeHost(host)}: ${(error as Error).message}`
        if (error instanceof RedisModeError) refusal = error
      }
    }),
  )
  let timer: NodeJS.Timeout | undefined
  const othersWait = first.then(
    () =>
      new Promise<void>(resolve => {
        timer = setTimeout(resolve, OTHERS_WAIT_MS)
      }),
  )
  await Promise.race([all, othersWait])
  clearTimeout(timer)
  if (answers.length === 0 && refusal !== undefined) throw refusal
  return { answers: [...answers], reason }
}

async function askOne<T>(
  { address, tls }: Omit<LocateOptions, 'slotOf'>,
  host: RedisHost,
  ask: (client: Redis, host: RedisHost) => Promise<T>,
): Promise<T> {
  const { mode, credentials, sentinelCredentials } = address
  const login: RedisCredentials = mode === 'sentinel' ? sentinelCredentials : credentials
  const client = new Redis({
    ...host,
    ...login,
    ...(tls === undefined ? {} : { tls }),
    lazyConnect: true,
    connectionName: 'loadcast-locate',
    disableClientInfo: true,
    connectTimeout: ANSWER_TIMEOUT_MS,
    commandTimeout: ANSWER_TIMEOUT_MS,
    enableReadyCheck: false,
    retryStrategy: () => null,
  })
  // The pending command fails with the connection and reports the error.
  client.on('error', () => {})
  try {
    return await ask(client, host)
  } finally {
    client.disconnect()
  }
}

function uniqueHosts(hosts: readonly RedisHost[]): readonly RedisHost[] {
  return [...new Map(hosts.map(host => [describeHost(host), host])).values()]
}
