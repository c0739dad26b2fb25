import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { announcements } from '../../../src/dispatch/announcements/announcements.js'
import { repositoryRoot } from '../../support/house/import-rules.js'

/** They are not in the table of announcements: who gets them depends on who is near, and on the fleet. */
const TOLD_ELSEWHERE = ['new_broadcast', 'driver_status_changed']

describe('docs/CLIENT.md', () => {
  it('has every event that clients get, and no other', () => {
    const page = readFileSync(join(repositoryRoot, 'docs/CLIENT.md'), 'utf8')
    const section = page.split('\n## Events\n')[1]?.split('\n## ')[0] ?? ''
    const listed = [...section.matchAll(/^\| `(\w+)` \| [a-z]/gm)].map(([, type]) => type)
    const announced = Object.values(announcements).flatMap(rows => rows.map(({ type }) => type))
    expect([...new Set(listed)].toSorted()).toEqual(
      [...new Set<string>([...announced, ...TOLD_ELSEWHERE])].toSorted(),
    )
  })
})
