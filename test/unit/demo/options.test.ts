import { describe, expect, it } from '@jest/globals'
import { parseOptions } from '../../../demo/options.js'

describe('the command line of the demo', () => {
  it('needs no options, and defaults to a world and a minute', () => {
    expect(parseOptions([])).toEqual({ seed: 7, seconds: 40, transporters: 120, customers: 50 })
  })

  it('takes the origin of a running server', () => {
    expect(parseOptions(['--url', 'http://localhost:3000/', '--seed', '12'])).toMatchObject({
      url: 'http://localhost:3000',
      seed: 12,
    })
  })

  it.each([
    [['--seed', '-1'], '--seed'],
    [['--seconds', '0'], '--seconds: Expected a whole number from 5 to 3600'],
    [['--transporters', '1.5'], '--transporters: Expected a whole number'],
    [['--customers', 'many'], '--customers: Expected a whole number'],
    [['--url', 'localhost:3000'], '--url: Expected http://host:port'],
    [['--unknown', '1'], "Unknown option '--unknown'"],
    [['stray'], "Unexpected argument 'stray'"],
  ])('refuses %j, and says why', (args, message) => {
    expect(() => parseOptions(args)).toThrow(message)
  })

  it('names all faults at once', () => {
    expect(() => parseOptions(['--seed', 'x', '--seconds', 'y'])).toThrow(/--seed.*\n.*--seconds/)
  })
})
