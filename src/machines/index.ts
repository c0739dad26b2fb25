export { broadcastDefinition } from './broadcast/definition.js'
export {
  type BroadcastCommand,
  type BroadcastCommandType,
  type BroadcastInput,
  broadcastCommands,
  broadcastInput,
} from './broadcast/events.js'
export { broadcastMachine, findTrip, isLive, isStanding, trucksFilled } from './broadcast/machine.js'
export { type BroadcastRefusal, type BroadcastRefusalReason, refuseByState } from './broadcast/refusals.js'
export type {
  BroadcastContext,
  BroadcastEmitted,
  BroadcastEvent,
  BroadcastStatus,
  EndReason,
  Progress,
  ReachStep,
  Trip,
  TripStatus,
  Truck,
} from './broadcast/types.js'
export {
  type BroadcastSnapshot,
  broadcastStatus,
  isSeeking,
  nextEvents,
  nextTripEvents,
  openTypes,
  type Reach,
  reachOf,
  type TripEventType,
  type UserCommandType,
} from './broadcast/views.js'
export { tripMachine } from './trip/machine.js'
