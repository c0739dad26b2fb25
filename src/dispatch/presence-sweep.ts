import type { DriverStatus } from './driver-status.js'
import type { Parts } from './parts.js'

/** CONTRACT: a driver that fell silent is told within two seconds of its lapse. */
const SWEEP_EVERY_MS = 1_000

/** Notices drivers that fell silent and has their transporters told. Finding none costs nothing. */
export class PresenceSweep {
  readonly #parts: Pick<Parts, 'presence' | 'log'>
  readonly #driverStatus: DriverStatus
  #timer: NodeJS.Timeout | undefined
  #sweeping: Promise<void> | undefined

  constructor(parts: Pick<Parts, 'presence' | 'log'>, driverStatus: DriverStatus) {
    this.#parts = parts
    this.#driverStatus = driverStatus
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      this.#sweeping ??= this.sweep().finally(() => {
        this.#sweeping = undefined
      })
    }, SWEEP_EVERY_MS)
    this.#timer.unref()
  }

  async sweep(): Promise<void> {
    try {
      for (const { driverId, transporterId } of await this.#parts.presence.lapsedDrivers()) {
        this.#driverStatus.note(driverId, transporterId)
      }
    } catch (error) {
      this.#parts.log.warn({ err: error }, 'silent drivers could not be looked for')
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    await this.#sweeping
  }
}
