import type { Caller } from '../../../src/dispatch/person.js'

export const customer = (id: string): Caller => ({ id, role: 'customer' })
export const transporter = (id: string): Caller => ({ id, role: 'transporter' })
export const driver = (id: string): Caller => ({ id, role: 'driver' })
export const admin: Caller = { id: 'root', role: 'admin' }

export const PICKUP = { lat: 28.61, lng: 77.2 }
export const DROP = { lat: 19.07, lng: 72.87 }

/** A place `km` kilometres north of the pickup. */
export const northOfPickup = (km: number) => ({ lat: PICKUP.lat + km / 111.195, lng: PICKUP.lng })
