export { type Drift, findDrift } from './find-drift.js'
export {
  type Golden,
  GoldenError,
  type GoldenShape,
  goldenOf,
  parseGolden,
  shapeOf,
} from './golden.js'
