/*
 * The Lua scripts of presence. Each is atomic and uses only the keys of one shard (one hash tag, so one slot of a
 * cluster). They take the time from Redis, so the clocks of processes do not matter.
 *
 * Keys of a shard, all beginning with KEYS[1], `loadcast:presence:{n}`:
 *   :state          hash   since (when filling began), pulse (the last sweep), sweeper and sweeper_until (the lease)
 *   :drivers        hash   id → transporter|vehicle|type|lat|lng|when its facts were read
 * :seen           zset   id by its last heartbeat: online drivers, and expired ones that were not swept yet
 * :lapsed         zset   id by its last heartbeat: swept drivers, which are known but in no index
 * :near:<type>    geo    id|transporter of drivers in `:seen` with a place and a vehicle of the type
 * :types          set    the types for which `:near` keys exist
 * :fleet          zset   transporter|id, all with score 0, found by prefix
 *   :transporters   zset   id by its last heartbeat
 * Ids and types contain no `|`: input validation allows only [A-Za-z0-9_.:-].
 *
 * Common ARGV: 1 the time of a test (empty: Redis' time), 2 the TTL of drivers, 3 the TTL of transporters, 4 how long
 * heartbeats need to fill presence, 5 the longest pause between sweeps. All in milliseconds.
 */

/** All keys expire a day after the last process ended. */
const KEY_TTL_SECONDS = 86_400
/** The northern limit of geohashes in Redis, a little beyond Svalbard's last road. */
export const MAX_LATITUDE = 85.05
/** How many drivers one call sweeps or forgets: some milliseconds of Redis' time. */
export const SWEEP_BATCH = 500
/** Expired drivers stay known for an hour, so that their next heartbeat needs no query to the database. */
const FORGET_AFTER_MS = 3_600_000
/** The lease of the sweeping process. Shorter than the pause between two sweeps, so that its death delays nothing. */
const LEASE_MS = 900
/**
 * A driver's facts (fleet, vehicle, online switch) are read again after this long. So a change that happened while
 * Redis was unavailable is noticed.
 */
export const FACTS_AGE_MS = 300_000

const common = `
local P = KEYS[1]
local clock = redis.call('TIME')
local now = ARGV[1] ~= '' and ARGV[1] + 0 or clock[1] * 1000 + math.floor(clock[2] / 1000)
local driverTtl, transporterTtl, fillMs, gapMs = ARGV[2] + 0, ARGV[3] + 0, ARGV[4] + 0, ARGV[5] + 0
local STATE, DRIVERS, SEEN, LAPSED = P .. ':state', P .. ':drivers', P .. ':seen', P .. ':lapsed'
local FLEET, TRANSPORTERS, TYPES = P .. ':fleet', P .. ':transporters', P .. ':types'

local function near(vehicleType) return P .. ':near:' .. vehicleType end

local function keep(...)
  for _, key in ipairs({ ... }) do redis.call('EXPIRE', key, ${KEY_TTL_SECONDS}) end
end

local function begin()
  if redis.call('HSETNX', STATE, 'since', now) == 1 then redis.call('HSET', STATE, 'pulse', now) end
end

-- After an empty start or a pause, absence cannot be trusted until every driver has sent a heartbeat.
local function isFilling()
  if fillMs == 0 then return false end
  local state = redis.call('HMGET', STATE, 'since', 'pulse')
  if not state[1] or not state[2] then return true end
  return now - state[1] < fillMs or now - state[2] > gapMs
end

local function parse(text)
  if not text then return nil end
  local transporter, vehicle, vehicleType, lat, lng, checked =
    string.match(text, '^([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)$')
  return { transporter = transporter, vehicle = vehicle, type = vehicleType, lat = lat, lng = lng, checked = checked }
end

local function write(id, d)
  redis.call('HSET', DRIVERS, id,
    table.concat({ d.transporter, d.vehicle, d.type, d.lat, d.lng, d.checked }, '|'))
end

local function unindex(id, d)
  if d.type ~= '' then redis.call('ZREM', near(d.type), id .. '|' .. d.transporter) end
end

local function index(id, d)
  if d.type == '' or d.lat == '' then return end
  local lat = math.max(-${MAX_LATITUDE}, math.min(${MAX_LATITUDE}, d.lat + 0))
  redis.call('GEOADD', near(d.type), d.lng, lat, id .. '|' .. d.transporter)
end

-- Makes the index of the driver's type visible to searches, and sets how long it lives without a sweep.
local function open(d)
  if d.type == '' then return end
  redis.call('SADD', TYPES, d.type)
  keep(TYPES, near(d.type))
end

-- Returns when the driver was last seen before.
local function see(id, d)
  local before = redis.call('ZSCORE', SEEN, id)
  if not before then redis.call('ZREM', LAPSED, id) end
  redis.call('ZADD', SEEN, now, id)
  index(id, d)
  return before
end

local function isFresh(seen) return seen and now - seen < driverTtl end

local function forget(id, d)
  unindex(id, d)
  redis.call('HDEL', DRIVERS, id)
  redis.call('ZREM', SEEN, id)
  redis.call('ZREM', LAPSED, id)
  redis.call('ZREM', FLEET, d.transporter .. '|' .. id)
end
`

/**
 * 6… id, lat, lng (both empty without a place), repeated → for each a text: transporter, vehicle, had expired, first
 * place, facts are old, separated by bars. For an unknown driver only whether presence is filling. An expiry while
 * presence itself was unavailable does not count.
 */
const beat = `${common}
local filling = isFilling()
local out = {}
for i = 6, #ARGV, 3 do
  local id, lat, lng = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local d = parse(redis.call('HGET', DRIVERS, id))
  if d then
    local isFirstPlace = lat ~= '' and d.lat == ''
    if lat ~= '' and (d.lat ~= lat or d.lng ~= lng) then
      d.lat, d.lng = lat, lng
      write(id, d)
    end
    local before = see(id, d)
    local wasLapsed = not isFresh(before) and not (before and filling)
    out[#out + 1] = table.concat({ d.transporter, d.vehicle, wasLapsed and 1 or 0, isFirstPlace and 1 or 0,
      now - d.checked >= ${FACTS_AGE_MS} and 1 or 0 }, '|')
  else
    out[#out + 1] = filling and '1' or '0'
  end
end
return out`

/** 6 id, 7 transporter, 8 vehicle, 9 type, 10 lat, 11 lng → whether the driver was online before. */
const put = `${common}
local id = ARGV[6]
local known = parse(redis.call('HGET', DRIVERS, id))
local d = { transporter = ARGV[7], vehicle = ARGV[8], type = ARGV[9], lat = ARGV[10], lng = ARGV[11], checked = now }
if known then
  unindex(id, known)
  -- A place that was reported for another fleet is not shown to this one.
  if known.transporter ~= d.transporter then redis.call('ZREM', FLEET, known.transporter .. '|' .. id)
  elseif d.lat == '' then d.lat, d.lng = known.lat, known.lng end
end
begin()
write(id, d)
redis.call('ZADD', FLEET, 0, d.transporter .. '|' .. id)
local before = see(id, d)
open(d)
keep(STATE, DRIVERS, SEEN, FLEET)
return isFresh(before) and 1 or 0`

/** 6 vehicle, 7 type (both empty for none), 8… ids. */
const setVehicle = `${common}
for i = 8, #ARGV do
  local id = ARGV[i]
  local d = parse(redis.call('HGET', DRIVERS, id))
  if d then
    unindex(id, d)
    d.vehicle, d.type = ARGV[6], ARGV[7]
    write(id, d)
    if redis.call('ZSCORE', SEEN, id) then index(id, d) end
    open(d)
  end
end`

/** 6 id → whether the driver was online. */
const drop = `${common}
local id = ARGV[6]
local d = parse(redis.call('HGET', DRIVERS, id))
if not d then return 0 end
local before = redis.call('ZSCORE', SEEN, id)
forget(id, d)
return isFresh(before) and 1 or 0`

/** 6 transporter → nil while filling, else id, type, lat, lng of its online drivers, repeated. */
const driversOf = `${common}
if isFilling() then return nil end
local out = {}
-- '}' is the character after '|', so this range is all members with the prefix 'transporter|'.
for _, member in ipairs(redis.call('ZRANGEBYLEX', FLEET, '[' .. ARGV[6] .. '|', '(' .. ARGV[6] .. '}')) do
  local id = string.sub(member, #ARGV[6] + 2)
  local d = parse(redis.call('HGET', DRIVERS, id))
  if d and d.type ~= '' and d.lat ~= '' and isFresh(redis.call('ZSCORE', SEEN, id)) then
    for _, value in ipairs({ id, d.type, d.lat, d.lng }) do out[#out + 1] = value end
  end
end
return out`

/** 6… ids → nil while filling, else id, last seen (ms), is online, lat, lng of the known drivers, repeated. */
const states = `${common}
if isFilling() then return nil end
local out = {}
for i = 6, #ARGV do
  local id = ARGV[i]
  local d = parse(redis.call('HGET', DRIVERS, id))
  local seen = d and (redis.call('ZSCORE', SEEN, id) or redis.call('ZSCORE', LAPSED, id))
  if seen then
    for _, value in ipairs({ id, seen, isFresh(seen) and 1 or 0, d.lat, d.lng }) do out[#out + 1] = value end
  end
end
return out`

/** 6… ids → those that were not present before. */
const touch = `${common}
begin()
local newcomers = {}
for i = 6, #ARGV do
  local seen = redis.call('ZSCORE', TRANSPORTERS, ARGV[i])
  if not seen or now - seen >= transporterTtl then newcomers[#newcomers + 1] = ARGV[i] end
  redis.call('ZADD', TRANSPORTERS, now, ARGV[i])
end
keep(STATE, TRANSPORTERS)
return newcomers`

/** 6… ids → nil while filling, else the present ones. */
const present = `${common}
if isFilling() then return nil end
local present = {}
for i = 6, #ARGV do
  local seen = redis.call('ZSCORE', TRANSPORTERS, ARGV[i])
  if seen and now - seen < transporterTtl then present[#present + 1] = ARGV[i] end
end
return present`

/** 6 id. */
const dropTransporter = `${common}
redis.call('ZREM', TRANSPORTERS, ARGV[6])`

/**
 * 6 the sweeping process → id, transporter of expired drivers, repeated; at most a batch. None while filling. One
 * process sweeps at a time: others get nothing until its lease ends.
 */
const sweep = `${common}
local state = redis.call('HMGET', STATE, 'sweeper', 'sweeper_until', 'pulse')
if state[1] and state[1] ~= ARGV[6] and now < state[2] + 0 then return {} end
redis.call('HSET', STATE, 'sweeper', ARGV[6], 'sweeper_until', now + ${LEASE_MS})
if not state[3] or now - state[3] > gapMs then redis.call('HSET', STATE, 'since', now) end
redis.call('HSET', STATE, 'pulse', now)
keep(STATE, DRIVERS, SEEN, LAPSED, FLEET, TRANSPORTERS, TYPES)
for _, vehicleType in ipairs(redis.call('SMEMBERS', TYPES)) do keep(near(vehicleType)) end
if isFilling() then return {} end
redis.call('ZREMRANGEBYSCORE', TRANSPORTERS, '-inf', now - transporterTtl)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', LAPSED, '-inf', now - ${FORGET_AFTER_MS}, 'LIMIT', 0, ${SWEEP_BATCH})) do
  local d = parse(redis.call('HGET', DRIVERS, id))
  if d then forget(id, d) else redis.call('ZREM', LAPSED, id) end
end
local out = {}
local lapsed = redis.call('ZRANGEBYSCORE', SEEN, '-inf', now - driverTtl, 'WITHSCORES', 'LIMIT', 0, ${SWEEP_BATCH})
for i = 1, #lapsed, 2 do
  local id = lapsed[i]
  local d = parse(redis.call('HGET', DRIVERS, id))
  redis.call('ZREM', SEEN, id)
  if d then
    unindex(id, d)
    redis.call('ZADD', LAPSED, lapsed[i + 1], id)
    out[#out + 1] = id
    out[#out + 1] = d.transporter
  end
end
return out`

/** By name of the command that each script becomes on the connection. */
export const scripts = {
  presenceBeat: beat,
  presencePut: put,
  presenceSetVehicle: setVehicle,
  presenceDrop: drop,
  presenceDriversOf: driversOf,
  presenceStates: states,
  presenceTouch: touch,
  presencePresent: present,
  presenceDropTransporter: dropTransporter,
  presenceSweep: sweep,
} as const

export type ScriptName = keyof typeof scripts
