import type { Part } from './part.js'
import { spread } from './spread.js'

export const parts: readonly Part[] = [spread]
