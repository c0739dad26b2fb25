/* B5: ten thousand deadlines within five seconds among a million that are not due, and a hundred thousand overdue. */
import { Redis } from 'ioredis'
import { percentile } from '../../demo/figures.js'
import { copyInstances } from '../copies.js'
import { openEngine } from '../engine.js'
import { inFlight } from '../measure.js'
import { type PeerName, peers } from '../peers.js'
import { atLeast, atMost, type Measured } from '../report/figure.js'
import { customerOf, request } from '../subject.js'
import { openUsualWay, type UsualWay } from '../usual/requests.js'
import { createUsualTimers } from '../usual/timers.js'
import type { Database } from '../world.js'
import { assertNoViolations } from './audited.js'
import type { Context, Outcome, Part } from './part.js'

export const DUE = 10_000
export const WITHIN_MS = 5_000
const NOT_DUE = 1_000_000
const OVERDUE = 100_000
/** The usual way and the peers take longer, and a rate is a rate. */
const OVERDUE_OTHERS = 5_000
/** They are all armed by then: some seconds' work. */
const LEAD_MS = 12_000
const GOAL_P99_MS = 20
const GOAL_MAX_MS = 100
const GOAL_DRAIN = 5_000
const SAMPLE = 'sampled-for-copies'
/** A timer that is lost would be waited for in vain. */
const PATIENCE_MS = 120_000
const CREATES_AT_ONCE = 128
