/*
 * The product as HTTP and sockets call it. Inputs have been parsed (requests.ts). Expected failures are returned as
 * problems and never thrown.
 */
import type { UsedKey } from '../runtime/types.js'
import type { RecipientQuery } from './admin/recipients.js'
import type {
  BroadcastEventAnswer,
  Created,
  CreateOptions,
  InstanceEventAnswer,
  Page,
  Replay,
  SendOptions,
  TripEventAnswer,
} from './answers.js'
import type { Caller, Person } from './person.js'
import type { Result } from './problems.js'
import type * as requests from './requests.js'
import type { Synced, SyncRequest } from './resume/sync.js'
import type { VerifiedToken } from './tokens.js'
import type * as admin from './views/admin-views.js'
import type * as views from './views/views.js'

export interface Dispatch {
  /**
   * Registers the person on its first valid token. Returns whether the person is active; the answer is cached for
   * seconds.
   */
  isActive(caller: Caller): Promise<boolean>
  /**
   * Returns the bearer of the token. `USER_INACTIVE` if the person is turned off, `UNAUTHENTICATED` if the session was
   * ended.
   */
  admit(token: VerifiedToken): Promise<Result<Caller>>
  /** Returns the tokens whose session was ended or whose person is turned off by now. */
  endedAmong<T extends VerifiedToken>(tokens: readonly T[]): Promise<readonly T[]>
  /** Ends all of the caller's sessions. `issuedAt`: when the caller's own token was issued, in seconds. */
  logout(caller: Caller, issuedAt: number): Promise<Result<void>>

  createBroadcast(
    caller: Caller,
    body: requests.CreateBroadcast,
    options?: CreateOptions,
  ): Promise<Result<Created>>
  createBooking(
    caller: Caller,
    body: requests.CreateBooking,
    options?: CreateOptions,
  ): Promise<Result<Created>>
  createOrder(caller: Caller, body: requests.CreateOrder, options?: CreateOptions): Promise<Result<Created>>
  /**
   * Creates a request for the trucks that an expired request did not get, once. While that retry seeks, it is returned
   * instead.
   */
  retryBroadcast(caller: Caller, id: string, options?: CreateOptions): Promise<Result<Created>>
  /** Returns what the caller was answered when `used` was new. `undefined` if the journal is gone. */
  replay(caller: Caller, used: UsedKey): Promise<Replay | undefined>
  /** Returns the body of a kept answer without the fields that the caller may no longer see. */
  seenNow(caller: Caller, answer: unknown): Promise<unknown>
  getBroadcast(caller: Caller, id: string): Promise<Result<views.BroadcastView>>
  listBroadcasts(
    caller: Caller,
    query: requests.PageQuery & { status?: string | undefined },
  ): Promise<Result<Page<views.BroadcastView>>>
  sendToBroadcast(
    caller: Caller,
    id: string,
    event: requests.BroadcastEvent,
    options?: SendOptions,
  ): Promise<Result<BroadcastEventAnswer>>
  history(caller: Caller, id: string, query: requests.PageQuery): Promise<Result<Page<views.HistoryItem>>>

  getTrip(caller: Caller, tripId: string): Promise<Result<views.TripView>>
  sendToTrip(
    caller: Caller,
    tripId: string,
    event: requests.TripEvent,
    options?: SendOptions,
  ): Promise<Result<TripEventAnswer>>
  listDriverTrips(caller: Caller, query: requests.PageQuery): Promise<Result<Page<views.TripView>>>

  setTransporterAvailability(caller: Caller, isAvailable: boolean): Promise<Result<{ isAvailable: boolean }>>
  transporterHeartbeat(
    caller: Caller,
    beat: requests.TransporterHeartbeat,
  ): Promise<Result<Record<string, never>>>
  setDriverAvailability(
    caller: Caller,
    body: { isOnline: boolean; vehicleId?: string | undefined },
  ): Promise<Result<{ isOnline: boolean }>>
  driverHeartbeat(caller: Caller, beat: requests.DriverHeartbeat): Promise<Result<Record<string, never>>>

  /** Returns the driver's fleet and its newest invitations. */
  getDriverFleet(caller: Caller): Promise<Result<views.DriverFleetView>>
  /** Accepts an invitation. The driver leaves the fleet that it was in. */
  joinFleet(caller: Caller, body: { transporterId: string }): Promise<Result<views.DriverFleetView>>
  leaveFleet(caller: Caller): Promise<Result<void>>

  putDriver(
    caller: Caller,
    driverId: string,
    body: { name: string; phone?: string | undefined },
  ): Promise<Result<views.DriverView & { isNew: boolean }>>
  deleteDriver(caller: Caller, driverId: string): Promise<Result<void>>
  getDriver(caller: Caller, driverId: string): Promise<Result<views.DriverView>>
  listDrivers(
    caller: Caller,
    query: requests.PageQuery & { assignable?: boolean | undefined },
  ): Promise<Result<Page<views.DriverView>>>
  putVehicle(
    caller: Caller,
    vehicleId: string,
    body: { vehicleType: string; number: string },
  ): Promise<Result<views.VehicleView & { isNew: boolean }>>
  deleteVehicle(caller: Caller, vehicleId: string): Promise<Result<void>>
  listVehicles(caller: Caller, query: requests.PageQuery): Promise<Result<Page<views.VehicleView>>>

  /** Returns accepts, declines and refusals, newest first. */
  listAnswers(caller: Caller, query: requests.PageQuery): Promise<Result<Page<views.AnswerView>>>

  /** Ends all sessions of another person. */
  endSessions(caller: Caller, person: Person): Promise<Result<void>>
  setPersonActive(caller: Caller, person: Person, active: boolean): Promise<Result<admin.UserView>>
  listInstances(
    caller: Caller,
    query: requests.InstancesQuery,
  ): Promise<Result<Page<admin.InstanceSummaryView>>>
  getInstance(caller: Caller, id: string): Promise<Result<admin.InstanceDetailView>>
  /** Sends any command of the instance's machine. The command and its reason are journaled. */
  sendToInstance(
    caller: Caller,
    id: string,
    event: requests.InstanceEvent,
    options?: SendOptions,
  ): Promise<Result<InstanceEventAnswer>>
  listDeadLetters(caller: Caller, query: requests.PageQuery): Promise<Result<Page<admin.DeadLetterView>>>
  redriveDeadLetter(
    caller: Caller,
    id: number,
    body: { reason?: string | undefined },
  ): Promise<Result<{ id: string; redriven: true }>>
  dropDeadLetter(
    caller: Caller,
    id: number,
    body: { reason?: string | undefined },
  ): Promise<Result<{ id: string; dropped: true }>>
  /**
   * Returns which transporters were offered a request, and why others were not. For a transporter that no step found,
   * it returns what excludes it now.
   */
  listRecipients(
    caller: Caller,
    broadcastId: string,
    query: RecipientQuery,
  ): Promise<Result<Page<admin.RecipientView>>>
  /** Returns what happened to a request, oldest first. */
  tellStory(caller: Caller, broadcastId: string): Promise<Result<admin.StoryView>>
  /** Returns what administrators did, newest first. */
  listAdminActions(caller: Caller, query: requests.ActionsQuery): Promise<Result<Page<admin.AdminActionView>>>

  /** Adds a device that gets the caller's pushes. */
  registerDevice(caller: Caller, device: requests.Device): Promise<Result<Record<string, never>>>
  removeDevice(caller: Caller, device: Pick<requests.Device, 'token'>): Promise<Result<void>>
  /** The person's socket has acknowledged an envelope, so it is not pushed. Returns at once. */
  acknowledged(person: Person, envelopeId: string): void

  /** Returns a page of what the caller has missed since a resume point, or the present state if that cannot be told. */
  sync(caller: Caller, request: SyncRequest): Promise<Result<Synced>>
  /** Whether the caller may join the room of this request. */
  mayWatch(caller: Caller, id: string): Promise<boolean>
  /**
   * A transporter's socket has connected. The transporter counts as present and is offered the requests that it missed.
   */
  connected(caller: Caller): Promise<void>
  /**
   * Keeps transporters with an open socket present. To be called for all of them, more often than the TTL of presence.
   */
  stillConnected(transporterIds: readonly string[]): Promise<void>
}
