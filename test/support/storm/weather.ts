/* The faults: the network cuts and swallows connections, processes are killed with SIGKILL, Redis goes away. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Chance } from '../engine/seeded.js'
import type { RoughNetwork } from '../network/rough-network.js'
import type { Processes } from './processes.js'

const GUST_EVERY_MS = 400
/** At each gust, this share of the open connections. */
const CUT_ONE_IN = 6
const SWALLOW_ONE_IN = 10
/** Sooner than either end would notice it by itself, as when a phone changes its network. */
const SWALLOWED_FOR_MS = 800

export async function blow(network: RoughNetwork, chance: Chance, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    network.cut(() => chance.below(CUT_ONE_IN) === 0)
    const swallowed = new Set<number>()
    network.swallow(connection => {
      const isHit = chance.below(SWALLOW_ONE_IN) === 0
      if (isHit) swallowed.add(connection)
      return isHit
    })
    setTimeout(() => network.cut(connection => swallowed.has(connection)), SWALLOWED_FOR_MS)
    await delay(GUST_EVERY_MS)
  }
}

/** Kills one process after the other, and Redis meanwhile. Both come back at once and have to find each other. */
export async function strike(
  processes: Processes,
  network: RoughNetwork,
  { times, everyMs }: { times: number; everyMs: number },
): Promise<void> {
  for (let i = 0; i < times; i++) {
    await delay(everyMs)
    const victim = i % 3
    // From here on no delivery is recorded: a process dies after it has delivered an event, but before it records that.
    await processes.query(
      'create function keep() returns trigger language plpgsql as $$ begin return null; end $$',
    )
    await processes.query('create trigger keep before delete on outbox for each row execute function keep()')
    await delay(everyMs / 2)
    await processes.kill(victim)
    await processes.query('drop trigger keep on outbox')
    await processes.query('drop function keep')
    network.lead(processes.urls)
    await delay(everyMs / 2)
    await processes.redis.kill()
    const revived = processes.revive(victim).then(() => network.lead(processes.urls))
    await delay(everyMs / 2)
    await processes.redis.start()
    await revived
  }
  await delay(everyMs)
}
