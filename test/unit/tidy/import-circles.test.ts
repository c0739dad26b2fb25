import { describe, expect, it } from '@jest/globals'
import { findCircles } from '../../support/house/import-circles.js'
import { sourceFiles } from '../../support/house/import-rules.js'

const file = (path: string, ...imported: string[]) => ({
  path: `src/${path}.ts`,
  text: imported.map(name => `import type { X } from './${name}.js'`).join('\n'),
})

describe('files', () => {
  it('do not import one another in circles', () => {
    expect(findCircles(sourceFiles('src'))).toEqual([])
  })

  it.each([
    ['two files', [file('a', 'b'), file('b', 'a')], ['src/a.ts → src/b.ts → src/a.ts']],
    [
      'three files, beside others that are in none',
      [file('a', 'b'), file('b', 'c', 'd'), file('c', 'e', 'd'), file('d', 'b'), file('e')],
      ['src/b.ts → src/d.ts → src/b.ts', 'src/c.ts → src/d.ts → src/b.ts → src/c.ts'],
    ],
    ['itself', [file('a', 'a')], ['src/a.ts → src/a.ts']],
    [
      'what is exported again',
      [file('a', 'b'), { path: 'src/b.ts', text: "export { y } from './a.js'" }],
      ['src/a.ts → src/b.ts → src/a.ts'],
    ],
    ['none', [file('a', 'b', 'c'), file('b', 'c'), file('c')], []],
  ])('would be noticed in a circle of %s', (_what, files, circles) => {
    expect(findCircles(files)).toEqual(circles)
  })
})
