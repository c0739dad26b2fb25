import { create } from './create.js'
import { delivery } from './delivery.js'
import { growth } from './growth.js'
import { hot } from './hot.js'
import { http } from './http.js'
import { memory } from './memory.js'
import { overload } from './overload.js'
import type { Part } from './part.js'
import { plot } from './plot.js'
import { race } from './race.js'
import { sizes } from './sizes.js'
import { spreadParts } from './spread.js'
import { start } from './start.js'
import { timerParts } from './timers.js'

/** The parts, in the order in which they run. */
export const parts: readonly Part[] = [
  ...spreadParts,
  plot,
  race,
  hot,
  create,
  ...timerParts,
  delivery,
  http,
  overload,
  growth,
  sizes,
  memory,
  start,
]
