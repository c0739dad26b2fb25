/*
 * Finds a running server from its data folder alone. Postgres writes `postmaster.pid` there and removes it on a clean stop.
 * After a crash the file stays, and its pid may by then belong to a zombie or to another process.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from './system-error.js'

export interface Postmaster {
  readonly pid: number
  readonly port: number
  readonly status: 'starting' | 'stopping' | 'ready' | 'standby'
}

/** The server that runs on this data folder, or undefined if there is none, whatever a stale file says. */
export async function findPostmaster(data: string): Promise<Postmaster | undefined> {
  const text = await readFile(pidFile(data), 'utf8').catch(error => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  // Lines: pid, data folder, start time, port, socket folder, listen address, shared memory, status.
  const lines = text.split('\n')
  const pid = Number(lines[0])
  if (!Number.isInteger(pid) || pid <= 0 || !serverProcesses(data, pid).includes(pid)) return undefined
  const status = lines[7]?.trim()
  return {
    pid,
    port: Number(lines[3]),
    status: status === 'ready' || status === 'stopping' || status === 'standby' ? status : 'starting',
  }
}

export function pidFile(data: string): string {
  return join(data, 'postmaster.pid')
}

/**
 * The live Postgres processes that use this data folder: a postmaster and its children, or the orphans of a killed one.
 * On Linux they are found by their working directory, which is the data folder. Elsewhere only the process `suspect` is
 * checked, and it counts if it is alive, even if it is not Postgres.
 */
export function serverProcesses(data: string, suspect?: number): number[] {
  if (process.platform !== 'linux') return suspect !== undefined && isAlive(suspect) ? [suspect] : []
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(pid => worksIn(pid, data))
    .map(Number)
}

/** False for zombies, which have no working directory, for ended processes and for those of other users. */
function worksIn(pid: string, data: string): boolean {
  try {
    return (
      readlinkSync(`/proc/${pid}/cwd`) === data &&
      readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'postgres'
    )
  } catch {
    return false
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}
