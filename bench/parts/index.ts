import { create } from './create.js'
import { hot } from './hot.js'
import type { Part } from './part.js'
import { plot } from './plot.js'
import { race } from './race.js'
import { spread } from './spread.js'

export const parts: readonly Part[] = [spread, race, hot, create, plot]
