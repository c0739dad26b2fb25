import { describe, expect, it } from '@jest/globals'
import { findBreaches, sourceFiles } from '../../support/house/import-rules.js'

const files = sourceFiles('src')

describe('the house', () => {
  it('keeps its rules of who imports whom', () => {
    expect(findBreaches(files)).toEqual([])
  })

  it('reads the environment in settings.ts alone', () => {
    const readers = files.filter(
      f => f.text.includes('process.env') && f.path !== 'src/app/settings/settings.ts',
    )
    expect(readers.map(f => f.path)).toEqual([])
  })

  it('makes connections to Redis in one folder, where each gets its listeners at creation', () => {
    const makers = files.filter(f => /\bnew (Redis|Cluster)\b|extends Redis\b|\.duplicate\(/.test(f.text))
    expect(makers.map(f => f.path).sort()).toEqual([
      'src/adapters/redis/connection.ts',
      'src/adapters/redis/locate.ts',
    ])
  })

  it('has machines that can be pasted into a visualizer: one import of values, xstate', () => {
    const machines = files.filter(f => /^src\/machines\/.*\/machine\.ts$/.test(f.path))
    expect(machines).toHaveLength(2)
    for (const { text } of machines) {
      const values = [...text.matchAll(/^import (?!type )[^;]*? from '([^']+)'/gms)].map(m => m[1])
      expect(values).toEqual(['xstate'])
    }
  })

  it('has no file whose name is not kebab-case', () => {
    expect(files.filter(f => !/^[a-z0-9/-]+\.ts$/.test(f.path)).map(f => f.path)).toEqual([])
  })

  it.each([
    ['src/machines/broadcast/x.ts', "import { y } from '../../runtime/step.js'", 'no other room'],
    ['src/machines/broadcast/x.ts', "import pg from 'pg'", 'machines may use xstate, zod'],
    ['src/concurrency/x.ts', "import type { y } from '../runtime/types.js'", 'no other room'],
    ['src/concurrency/x.ts', "import { y } from 'node:timers'", 'concurrency may use no package'],
    ['src/runtime/x.ts', "import { y } from '../machines/index.js'", 'may look into types, concurrency'],
    ['src/runtime/x.ts', "import type { y } from '../dispatch/api.js'", 'may look into types, concurrency'],
    ['src/dispatch/x.ts', "import { y } from '../adapters/http/app.js'", 'machines, runtime'],
    ['src/dispatch/x.ts', "import { y } from '../machines/broadcast/machine.js'", 'one door'],
    ['src/adapters/http/x.ts', "import {\n  y,\n} from '../socket/server.js'", 'runtime, dispatch'],
    ['src/adapters/http/x.ts', "const y = await import('../socket/server.js')", 'runtime, dispatch'],
    ['src/adapters/http/x.ts', "export { y } from '../../app/settings/settings.js'", 'runtime, dispatch'],
    ['src/client/x.ts', "import type { y } from '../dispatch/api.js'", 'may look into types'],
    ['src/client/x.ts', "import { y } from 'node:fs'", 'client may use socket.io-client'],
    ['src/cellar/x.ts', "import 'pg'", 'no room of the house'],
  ])('would notice %s with %s', (path, text, message) => {
    expect(findBreaches([{ path, text }])).toEqual([expect.stringContaining(message)])
  })
})
