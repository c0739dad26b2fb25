/* The calls of apps: one HTTP request each. */

import { defined } from '../types/defined.js'
import type * as contract from './contract.js'
import type { ResumableEvent } from './events.js'
import type { CallOptions, Http } from './http.js'
import type { Result } from './problem.js'

export type Api = ReturnType<typeof createApi>

export type Synced =
  | { readonly events: readonly ResumableEvent[]; readonly next: string; readonly hasMore: boolean }
  | { readonly resync: true; readonly broadcasts: readonly contract.Broadcast[]; readonly next: string }

const segment = encodeURIComponent

/** Returns the calls of the API. Over 70 lines because it has an entry for each call. */
export function createApi({ call }: Http) {
  const get = <T>(path: string, query?: object) =>
    call<T>({ method: 'GET', path: `/api/v1${path}`, query: query as Record<string, string> | undefined })
  const post = <T>(path: string, body: unknown, options?: CallOptions) =>
    call<T>({ method: 'POST', path: `/api/v1${path}`, body, options })
  const put = <T>(path: string, body: unknown, options?: CallOptions) =>
    call<T>({ method: 'PUT', path: `/api/v1${path}`, body, options })
  const remove = (path: string) => call<undefined>({ method: 'DELETE', path: `/api/v1${path}` })

  const sendToBroadcast = (id: string, event: contract.BroadcastEvent, options?: CallOptions) =>
    post<contract.BroadcastAnswer>(`/broadcasts/${segment(id)}/events`, event, options)
  const because = (reason: string | undefined) => defined({ reason })

  return {
    /** 201 for a new request. 200 if the same payload was sent within seconds and the request was found. */
    createBroadcast: (body: contract.NewBroadcast, options?: CallOptions) =>
      post<contract.CreatedBroadcast>('/broadcasts', body, options),
    createBooking: (body: contract.NewBooking, options?: CallOptions) =>
      post<contract.CreatedBroadcast>('/booking', body, options),
    createOrder: (body: contract.NewOrder, options?: CallOptions) =>
      post<contract.CreatedBroadcast>('/orders', body, options),
    /** Requests the missing trucks of an expired request again. */
    retry: (id: string, options?: CallOptions) =>
      post<contract.CreatedBroadcast>(`/broadcasts/${segment(id)}/retry`, undefined, options),
    getBroadcast: (id: string) => get<contract.Broadcast>(`/broadcasts/${segment(id)}`),
    /** A customer gets its own requests, a transporter its live offers that it has not declined. */
    listBroadcasts: (query?: contract.PageQuery & { readonly status?: contract.BroadcastStatus }) =>
      get<contract.Page<contract.Broadcast>>('/broadcasts', query),
    sendToBroadcast,
    accept: (
      id: string,
      truck: { readonly driverId: string; readonly vehicleId: string },
      options?: CallOptions,
    ) => sendToBroadcast(id, { type: 'accept', ...truck }, options),
    cancel: (id: string, reason?: string, options?: CallOptions) =>
      sendToBroadcast(id, { type: 'cancel', ...because(reason) }, options),
    decline: (id: string, reason?: string) => sendToBroadcast(id, { type: 'decline', ...because(reason) }),
    history: (id: string, query?: contract.PageQuery) =>
      get<contract.Page<contract.HistoryItem>>(`/broadcasts/${segment(id)}/history`, query),

    getTrip: (id: string) => get<contract.Trip>(`/trips/${segment(id)}`),
    sendToTrip: (id: string, event: contract.TripEvent, options?: CallOptions) =>
      post<contract.TripAnswer>(`/trips/${segment(id)}/events`, event, options),
    /** A driver's trips, including past ones. */
    listTrips: (query?: contract.PageQuery) => get<contract.Page<contract.Trip>>('/driver/trips', query),

    setTransporterAvailability: (isAvailable: boolean) =>
      put<{ readonly isAvailable: boolean }>('/transporter/availability', { isAvailable }),
    setDriverAvailability: (isOnline: boolean, vehicleId?: string) =>
      put<{ readonly isOnline: boolean }>('/driver/availability', {
        isOnline,
        ...defined({ vehicleId }),
      }),

    /** The driver's fleet and its newest invitations. */
    getDriverFleet: () => get<contract.DriverFleet>('/driver/fleet'),
    /** Accepts an invitation. The driver leaves the fleet that it was in. */
    joinFleet: (transporterId: string) => post<contract.DriverFleet>('/driver/fleet', { transporterId }),
    leaveFleet: () => remove('/driver/fleet'),

    /** Invites a driver. It is in the fleet after it has agreed. */
    putDriver: (id: string, driver: { readonly name: string; readonly phone?: string }) =>
      put<contract.Driver>(`/transporter/drivers/${segment(id)}`, driver),
    deleteDriver: (id: string) => remove(`/transporter/drivers/${segment(id)}`),
    getDriver: (id: string) => get<contract.Driver>(`/transporter/drivers/${segment(id)}`),
    listDrivers: (query?: contract.PageQuery & { readonly assignable?: boolean }) =>
      get<contract.Page<contract.Driver>>('/transporter/drivers', query),
    putVehicle: (id: string, vehicle: { readonly vehicleType: string; readonly number: string }) =>
      put<contract.Vehicle>(`/transporter/vehicles/${segment(id)}`, vehicle),
    deleteVehicle: (id: string) => remove(`/transporter/vehicles/${segment(id)}`),
    listVehicles: (query?: contract.PageQuery) =>
      get<contract.Page<contract.Vehicle>>('/transporter/vehicles', query),

    /** Ends every session of the user. `Client.logout` also closes the client. */
    logout: () => post<undefined>('/auth/logout', undefined),

    /**
     * Returns what was missed since a point, or without one the present as a point. A connected client does this
     * itself.
     */
    sync: (after?: string): Promise<Result<Synced>> => get<Synced>('/sync', { after }),
  }
}
