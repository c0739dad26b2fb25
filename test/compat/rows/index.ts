import type { Chapter } from '../harness/row.js'
import { actions } from './actions.js'
import { actors } from './actors.js'
import { delays } from './delays.js'
import { inputs } from './inputs.js'
import { loops } from './loops.js'
import { structure } from './structure.js'
import { transitions } from './transitions.js'
import { values } from './values.js'

/** The compatibility table, in the order of the document. */
export const chapters: readonly Chapter[] = [
  actions,
  transitions,
  delays,
  structure,
  values,
  inputs,
  loops,
  actors,
]
