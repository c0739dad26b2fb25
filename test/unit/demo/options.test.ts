import { describe, expect, it } from '@jest/globals'
import { parseOptions } from '../../../demo/options.js'

describe('the command line of the demo', () => {
  it('needs nothing, and has a world and a minute by itself', () => {
    expect(parseOptions([])).toEqual({ seed: 7, seconds: 40, transporters: 120, customers: 50 })
  })

  it('takes the origin of a server that runs already', () => {
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
  ])('refuses %j, saying what is wrong', (args, message) => {
    expect(() => parseOptions(args)).toThrow(message)
  })

  it('names all that is wrong at once', () => {
    expect(() => parseOptions(['--seed', 'x', '--seconds', 'y'])).toThrow(/--seed.*\n.*--seconds/)
  })
})
