/* Written by `npm run schema` from the migrations; a test compares. */
import type { ColumnType, Generated, GeneratedAlways } from 'kysely'

/** `pg` reads a bigint as text, since a number could not hold every one. */
type Int8 = ColumnType<string, string | number, string | number>
type Timestamp = ColumnType<Date, Date | string, Date | string>
type DefaultTimestamp = ColumnType<Date, Date | string | undefined, Date | string>

export interface Tables {
  admin_actions: {
    id: string
    admin_id: string
    action: string
    target: string
    reason: string | null
    detail: unknown
    begun_at: DefaultTimestamp
    outcome: string | null
    settled_at: Timestamp | null
  }
  answers: {
    id: string
    transporter_id: string
    broadcast_id: string
    outcome: string
    driver_id: string | null
    vehicle_id: string | null
    reason: string | null
  }
  devices: {
    id: GeneratedAlways<string>
    token: string
    user_id: string
    platform: string
    registered_at: DefaultTimestamp
    role: string | null
    role_noted_at: Timestamp | null
  }
  driver_invitations: {
    driver_id: string
    transporter_id: string
    name: string
    phone: string | null
    invited_at: DefaultTimestamp
  }
  drivers: {
    id: string
    transporter_id: string
    name: string
    phone: string | null
    is_online: Generated<boolean>
    vehicle_id: string | null
    created_at: DefaultTimestamp
    confirmed_at: Timestamp | null
  }
  idempotency_key_counts: {
    day: Timestamp
    person: string
    used: number
  }
  people: {
    role: string
    id: string
    active: Generated<boolean>
    valid_from: Timestamp | null
    created_at: DefaultTimestamp
  }
  push_pace: {
    is_only: Generated<boolean>
    free_at: Timestamp
  }
  pushes: {
    envelope_id: string
    device_id: Int8
    user_id: string
    broadcast_id: string | null
    message: unknown | null
    is_offer: Generated<boolean>
    ends_at: Timestamp
    due_at: Timestamp
    attempts: Generated<number>
    outcome: string | null
    role: string | null
  }
  recipients: {
    broadcast_id: string
    transporter_id: string
    step: string
    distance_km: number | null
    offered_at: Timestamp | null
    reason: string | null
    declined_at: Timestamp | null
    decline_reason: string | null
  }
  refresh_families: {
    user_id: string
    family: string
    good_token: string
    remember_until: Timestamp
    ended_at: Timestamp | null
    role: string | null
  }
  schema_migrations: {
    name: string
    checksum: string
    applied_at: DefaultTimestamp
  }
  transporters: {
    id: string
    is_available: Generated<boolean>
    changes: Generated<readonly Date[]>
  }
  trips: {
    id: string
    instance: string
    version: number
    truck_id: string
    customer_id: string
    transporter_id: string
    driver_id: string
    vehicle_id: string
    status: string
    driver: unknown
    vehicle: unknown
    assigned_at: Timestamp
    started_at: Timestamp | null
    ended_at: Timestamp | null
  }
  users: {
    id: string
    active: Generated<boolean>
    created_at: DefaultTimestamp
  }
  vehicles: {
    id: string
    transporter_id: string
    vehicle_type: string
    number: string
    created_at: DefaultTimestamp
  }
  'loadcast.claims': {
    key: string
    instance: string
  }
  'loadcast.dead_letters': {
    id: GeneratedAlways<string>
    instance: string
    version: number
    index: number
    subscriber: string
    attempts: number
    error: string
    died_at: DefaultTimestamp
    push: unknown | null
  }
  'loadcast.definition_versions': {
    machine: string
    version: number
  }
  'loadcast.event_retention': {
    is_only: Generated<boolean>
    swept_before: Timestamp
  }
  'loadcast.events': {
    instance: string
    version: number
    index: number
    type: string
    payload: unknown | null
    audience: readonly string[]
    at: Timestamp
    recorded_at: DefaultTimestamp
    late_at: Timestamp | null
    payload_json: unknown | null
  }
  'loadcast.idempotency_keys': {
    scope: string
    key: string
    fingerprint: string
    instance: string | null
    version: number | null
    uid: string | null
    answer: unknown | null
    recorded_at: DefaultTimestamp
  }
  'loadcast.instances': {
    id: string
    machine: string
    definition_version: number
    version: number
    status: string
    owner: string
    snapshot: unknown | null
    created_at: Timestamp
    updated_at: Timestamp
    snapshot_json: unknown | null
  }
  'loadcast.journal': {
    instance: string
    version: number
    uid: string
    event: unknown | null
    status: string
    actor: unknown | null
    at: Timestamp
    event_json: unknown | null
    actor_json: unknown | null
  }
  'loadcast.journal_months': {
    is_only: Generated<boolean>
    made_until: Timestamp
  }
  'loadcast.migrations': {
    name: string
    checksum: string
    applied_at: DefaultTimestamp
  }
  'loadcast.outbox': {
    instance: string
    version: number
    index: number
    subscriber: string
    attempts: Generated<number>
    due_at: Timestamp
  }
  'loadcast.processes': {
    id: string
    machine: string
    version: number
    alive_until: Timestamp
    storage_format: Generated<number>
    protocol: Generated<number>
  }
  'loadcast.storage_format': {
    is_only: Generated<boolean>
    format: number
  }
  'loadcast.sweeps': {
    name: string
    due_at: Timestamp
    position: string | null
  }
  'loadcast.timers': {
    instance: string
    send_id: string
    machine: string
    generation: number
    event: unknown | null
    due_at: Timestamp
    leased_until: Timestamp | null
    parked: string | null
    ordinal: number | null
    attempts: number | null
    last_error: string | null
    original_due_at: Timestamp | null
    dead_letter: Int8 | null
    died_at: Timestamp | null
    event_json: unknown | null
  }
}
