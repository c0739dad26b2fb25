/*
 * The product as HTTP and sockets call it. Inputs are parsed already (requests.ts). Expected failures are returned as
 * problems, never thrown.
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
  /** Registers the person on its first valid token; answers whether it is active (cached for seconds). */
  isActive(caller: Caller): Promise<boolean>
  /** Who a token's bearer is, if its session goes on: `USER_INACTIVE`, or `UNAUTHENTICATED` where it was ended. */
  admit(token: VerifiedToken): Promise<Result<Caller>>
  /** Those of the tokens whose sessions were ended or whose people are turned off, as of now. */
  endedAmong<T extends VerifiedToken>(tokens: readonly T[]): Promise<readonly T[]>
  /** Ends all of the caller's sessions. `issuedAt`: of the token it shows, in seconds. */
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
  /** Asks again for what an expired request is missing, once; while that retry seeks it is found instead. */
  retryBroadcast(caller: Caller, id: string, options?: CreateOptions): Promise<Result<Created>>
  /** What `used` caused, as its caller was told of it; `undefined` when its journal is gone. */
  replay(caller: Caller, used: UsedKey): Promise<Replay | undefined>
  /** The body of an answer that was kept, without what the caller may no longer see. */
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

  /** Whose fleet the driver is in, and its newest invitations. */
  getDriverFleet(caller: Caller): Promise<Result<views.DriverFleetView>>
  /** Agrees to an invitation; the driver leaves the fleet that it was in. */
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

  /** Accepts, declines and refusals, newest first. */
  listAnswers(caller: Caller, query: requests.PageQuery): Promise<Result<Page<views.AnswerView>>>

  /** Ends all sessions of another person. */
  endSessions(caller: Caller, person: Person): Promise<Result<void>>
  setPersonActive(caller: Caller, person: Person, active: boolean): Promise<Result<admin.UserView>>
  listInstances(
    caller: Caller,
    query: requests.InstancesQuery,
  ): Promise<Result<Page<admin.InstanceSummaryView>>>
  getInstance(caller: Caller, id: string): Promise<Result<admin.InstanceDetailView>>
  /** Any command of the machine's, with a reason, both journaled. */
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
  /** Who was offered a request, or why not; about a transporter that no step found, what stands against it now. */
  listRecipients(
    caller: Caller,
    broadcastId: string,
    query: RecipientQuery,
  ): Promise<Result<Page<admin.RecipientView>>>
  /** What happened to a request, oldest first. */
  tellStory(caller: Caller, broadcastId: string): Promise<Result<admin.StoryView>>
  /** What administrators did, newest first. */
  listAdminActions(caller: Caller, query: requests.ActionsQuery): Promise<Result<Page<admin.AdminActionView>>>

  /** Where the caller is woken by push. */
  registerDevice(caller: Caller, device: requests.Device): Promise<Result<Record<string, never>>>
  removeDevice(caller: Caller, device: Pick<requests.Device, 'token'>): Promise<Result<void>>
  /** An envelope that wakes people has arrived on a socket of the person's: it is not pushed. Returns at once. */
  acknowledged(person: Person, envelopeId: string): void

  /** What the caller has missed since a point that it names, a page of it; or what stands now. */
  sync(caller: Caller, request: SyncRequest): Promise<Result<Synced>>
  /** Whether the caller may watch this broadcast's room. */
  mayWatch(caller: Caller, id: string): Promise<boolean>
  /** A transporter's socket came, or came back: it counts as present and is offered what it has not had. */
  connected(caller: Caller): Promise<void>
  /** A connected socket is presence: to be called for all connected transporters, more often than their TTL. */
  stillConnected(transporterIds: readonly string[]): Promise<void>
}
