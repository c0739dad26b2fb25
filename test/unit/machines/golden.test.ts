import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import { broadcastDefinition } from '../../../src/machines/index.js'
import { findDrift, parseGolden, shapeOf } from '../../../src/testing/index.js'

const root = new URL('../../golden/', import.meta.url)
const folders = readdirSync(root)

describe('the golden histories', () => {
  it('R10.5 exist for the version that is written now', () => {
    const { name, version } = broadcastDefinition
    expect(existsSync(new URL(`${name}-v${version}/shape.json`, root))).toBe(true)
  })

  it.each(folders.flatMap(folder => readdirSync(new URL(folder, root)).map(file => `${folder}/${file}`)))(
    'R1.5 R10.5 %s is decided today as it was then: npm run replay',
    path => {
      const golden = parseGolden(readFileSync(new URL(path, root), 'utf8'))
      expect(findDrift(broadcastDefinition, golden)).toEqual([])
    },
  )

  it('R10.5 know every state that their version has', () => {
    const { name, version } = broadcastDefinition
    const shape = parseGolden(readFileSync(new URL(`${name}-v${version}/shape.json`, root), 'utf8'))
    expect(shape).toEqual(shapeOf(broadcastDefinition))
  })
})
