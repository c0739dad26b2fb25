/*
 * A real Redis Cluster for tests on this machine: masters that share the slots, each with a replica. A dead master is
 * replaced by its replica within about two seconds.
 */
import { freePort } from '../../../src/adapters/postgres/embedded/port.js'
import { until } from '../engine/engine.js'
import { askRedis, type RedisServer, type RedisServerOptions, startRedisServer } from './redis-server.js'

export interface ClusterNode extends RedisServer {
  readonly id: string
  /** Sends a command to this node, whatever slots it serves. */
  ask<T = unknown>(command: string, ...args: (string | number)[]): Promise<T>
}

export interface RedisCluster {
  /** The URL of all nodes, in the form of REDIS_URL. */
  readonly url: string
  readonly nodes: readonly ClusterNode[]
  /** The node that serves the slot of this key or channel now. Waits until all running nodes agree. */
  masterOf(key: string): Promise<ClusterNode>
  replicaOf(master: ClusterNode): Promise<ClusterNode>
  /** The keys of all masters, in no order. */
  keys(): Promise<string[]>
  /** Moves the slot of this key to another master, with the keys in it, as resharding does. */
  moveSlot(key: string): Promise<void>
  /** Resolves when every slot is served and every running node says so. */
  settled(): Promise<void>
  stop(): Promise<void>
}

const SLOTS = 16_384
/** A node counts as failed after this; electing its replica takes about as long again. */
const NODE_TIMEOUT_MS = 1_000
const SETTLE_TIMEOUT_MS = 30_000

/** Starts a cluster. Over 70 lines because its faults share the nodes. */
export async function startRedisCluster(
  options: RedisServerOptions & { readonly masters?: number; readonly userInfo?: string } = {},
): Promise<RedisCluster> {
  const { masters = 3, userInfo = '', config = [], ...more } = options
  const nodes = await Promise.all(Array.from({ length: masters * 2 }, () => startNode({ config, ...more })))
  const owners = nodes.slice(0, masters)
  const up = () => nodes.filter(node => node.isUp())

  await Promise.all(
    owners.map((node, i) => {
      const from = Math.floor((SLOTS * i) / masters)
      const to = Math.floor((SLOTS * (i + 1)) / masters) - 1
      return node.ask('CLUSTER', 'ADDSLOTSRANGE', from, to)
    }),
  )
  const [first, ...others] = nodes
  for (const other of others) {
    await first?.ask('CLUSTER', 'MEET', '127.0.0.1', other.port, other.busPort)
  }
  // A replica can only follow a master that it knows.
  await until(async () => {
    const views = await Promise.all(nodes.map(node => node.ask<string>('CLUSTER', 'NODES')))
    return views.every(view => view.trim().split('\n').length === nodes.length && !/handshake/.test(view))
  }, SETTLE_TIMEOUT_MS)
  await Promise.all(
    nodes.slice(masters).map((node, i) => node.ask('CLUSTER', 'REPLICATE', owners[i]?.id ?? '')),
  )
  await until(async () => {
    const infos = await Promise.all(nodes.slice(masters).map(node => node.ask<string>('INFO', 'replication')))
    return infos.every(info => info.includes('master_link_status:up'))
  }, SETTLE_TIMEOUT_MS)

  async function settled(): Promise<void> {
    await until(async () => {
      const infos = await Promise.all(up().map(node => node.ask<string>('CLUSTER', 'INFO')))
      return infos.every(info => /cluster_state:ok/.test(info))
    }, SETTLE_TIMEOUT_MS)
  }

  async function ownersOf(key: string): Promise<(string | undefined)[]> {
    const slot = Number(await up()[0]?.ask('CLUSTER', 'KEYSLOT', key))
    const views = await Promise.all(up().map(node => node.ask<SlotRange[]>('CLUSTER', 'SLOTS')))
    return views.map(ranges => ranges.find(([from, to]) => from <= slot && slot <= to)?.[2]?.[2])
  }

  async function mastersNow(): Promise<ClusterNode[]> {
    const roles = await Promise.all(up().map(node => node.ask<[string]>('ROLE')))
    return up().filter((_, i) => roles[i]?.[0] === 'master')
  }

  async function masterOf(key: string): Promise<ClusterNode> {
    let owner: ClusterNode | undefined
    await until(async () => {
      const ids = new Set(await ownersOf(key))
      owner = up().find(node => ids.size === 1 && ids.has(node.id))
      return owner !== undefined
    }, SETTLE_TIMEOUT_MS)
    return owner as ClusterNode
  }

  await settled()
  const protocol = more.tls === undefined ? 'redis://' : 'rediss://'
  const host = more.tls === undefined ? '127.0.0.1' : 'localhost'
  return {
    url: `${protocol}${userInfo}${nodes.map(({ port }) => `${host}:${port}`).join(',')}`,
    nodes,
    settled,
    masterOf,
    async replicaOf(master) {
      let replica: ClusterNode | undefined
      await until(async () => {
        const view = await master.ask<string>('CLUSTER', 'NODES')
        const line = view.split('\n').find(text => text.includes(`slave ${master.id}`))
        replica = up().find(node => line?.startsWith(node.id))
        return replica !== undefined
      }, SETTLE_TIMEOUT_MS)
      return replica as ClusterNode
    },
    async moveSlot(key) {
      const source = await masterOf(key)
      const target = (await mastersNow()).find(({ id }) => id !== source.id)
      if (target === undefined) throw new Error('There is one master only')
      const slot = Number(await source.ask('CLUSTER', 'KEYSLOT', key))
      await target.ask('CLUSTER', 'SETSLOT', slot, 'IMPORTING', source.id)
      await source.ask('CLUSTER', 'SETSLOT', slot, 'MIGRATING', target.id)
      for (;;) {
        const keys = await source.ask<string[]>('CLUSTER', 'GETKEYSINSLOT', slot, 100)
        if (keys.length === 0) break
        await source.ask('MIGRATE', '127.0.0.1', target.port, '', 0, 5_000, 'REPLACE', 'KEYS', ...keys)
      }
      for (const node of [target, source, ...(await mastersNow())]) {
        await node.ask('CLUSTER', 'SETSLOT', slot, 'NODE', target.id)
      }
    },
    async keys() {
      const lists = (await mastersNow()).map(node => node.ask<string[]>('KEYS', '*'))
      return (await Promise.all(lists)).flat()
    },
    async stop() {
      await Promise.all(nodes.map(node => node.stop()))
    },
  }
}

type SlotRange = [from: number, to: number, ...nodes: readonly [host: string, port: number, id: string][]]

async function startNode({ config = [], ...options }: RedisServerOptions) {
  const busPort = await freePort(undefined)
  const lines = [
    'cluster-enabled yes',
    `cluster-port ${busPort}`,
    `cluster-node-timeout ${NODE_TIMEOUT_MS}`,
    'cluster-allow-replica-migration no',
    'repl-diskless-sync-delay 0',
    ...(options.tls === undefined
      ? []
      : ['tls-cluster yes', 'tls-replication yes', 'cluster-announce-hostname localhost']),
    ...config,
  ]
  const server = await startRedisServer({ ...options, config: lines })
  let isUp = true
  const ask = <T>(command: string, ...args: (string | number)[]) =>
    askRedis<T>(server, command, args, options.tls)
  return {
    ...server,
    busPort,
    ask,
    id: await ask<string>('CLUSTER', 'MYID'),
    isUp: () => isUp,
    async kill() {
      isUp = false
      await server.kill()
    },
    async start() {
      await server.start()
      isUp = true
    },
    freeze() {
      isUp = false
      server.freeze()
    },
    thaw() {
      server.thaw()
      isUp = true
    },
  }
}
