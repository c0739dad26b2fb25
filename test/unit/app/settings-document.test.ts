import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { settingsDocument } from '../../../scripts/settings-docs.js'
import { secretNames as namesOfSecrets } from '../../../src/adapters/secrets/secret-values.js'
import { settingGroups } from '../../../src/app/settings/environment.js'
import type { Deployment, Setting, SettingGroup } from '../../../src/app/settings/setting.js'
import { loadSettings, SettingsError } from '../../../src/app/settings/settings.js'
import { repositoryRoot, sourceFiles } from '../../support/house/import-rules.js'

const secretNames: readonly string[] = namesOfSecrets
const read = (path: string) => readFileSync(join(repositoryRoot, path), 'utf8')
const settings: readonly [string, Setting][] = Object.values<SettingGroup>(settingGroups).flatMap(group =>
  Object.entries(group),
)
const setIn = (deployment: Deployment) =>
  settings.flatMap(([name, { requiredIn = [], advisedIn = [] }]) =>
    [...requiredIn, ...advisedIn].includes(deployment) ? [name] : [],
  )

describe('docs/SETTINGS.md', () => {
  it('is what the schemas say: `npm run documents` writes it', () => {
    expect(read('docs/SETTINGS.md')).toBe(settingsDocument())
  })

  it.each(settings)('explains %s with an example that is taken', (name, { schema, example, meaning }) => {
    expect(meaning).toMatch(/^\S.+\.$/)
    // A service account is a file, which this machine does not have.
    if (name !== 'FCM_SERVICE_ACCOUNT') expect(schema.safeParse(example)).toMatchObject({ success: true })
  })

  it('requires of one server what a start in production requires', () => {
    const required = settings.filter(([, { requiredIn = [] }]) => requiredIn.includes('one server'))
    const problems = () => loadSettings({ NODE_ENV: 'production' })
    expect(problems).toThrow(SettingsError)
    for (const [name] of required) {
      if (name !== 'NODE_ENV') expect(problems).toThrow(`${name}: Required in production`)
    }
  })

  it('names for AWS what infra sets, or the secret has', () => {
    const text = read('infra/lib/tasks.ts') + read('infra/lib/operations.ts')
    const set = settings.filter(
      ([name]) => new RegExp(`[{ ]${name}: `).test(text) || secretNames.includes(name),
    )
    // The port of the balancer's targets may be any, and previous keys are set by a rotation.
    const others = ['PORT', 'JWT_SECRET_PREVIOUS', 'JWT_REFRESH_SECRET_PREVIOUS']
    expect(set.map(([name]) => name).filter(name => !others.includes(name))).toEqual(setIn('AWS'))
  })

  it('names for a cluster what docker-compose.yml sets', () => {
    const text = read('docker-compose.yml') + read('deploy/local-secrets.mjs')
    const set = settings.filter(([name]) => new RegExp(`\\b${name}[:=]`).test(text))
    expect(set.length).toBeGreaterThan(4)
    expect(set.map(([name]) => name).filter(name => !setIn('cluster').includes(name))).toEqual([])
  })

  it('links to headings that are there', () => {
    const headings = read('docs/OPERATIONS.md').match(/^## .+$/gm) ?? []
    const anchors = headings.map(heading =>
      heading
        .slice(3)
        .toLowerCase()
        .replaceAll(/[^a-z0-9 -]/g, '')
        .replaceAll(' ', '-'),
    )
    for (const [, anchor] of settingsDocument().matchAll(/OPERATIONS\.md#([^)]+)\)/g)) {
      expect(anchors).toContain(anchor)
    }
  })
})

describe('a setting', () => {
  /** The others are read before the settings are, or only refused. */
  const READ_ELSEWHERE = [
    'SECRETS_ARN',
    'HISTORY_RETENTION_DAYS',
    ...Object.keys(settingGroups['rotate-secrets']),
  ]

  it('is copied into the settings of a server', () => {
    const text = ['settings', 'caps', 'tokens'].map(name => read(`src/app/settings/${name}.ts`)).join('\n')
    // `env.PORT`, or taken out of `env` by name.
    const forgotten = settings
      .map(([name]) => name)
      .filter(name => !new RegExp(`\\benv\\.${name}\\b|\\b${name}: [a-z]\\w+[ ,]`).test(text))
    expect(forgotten).toEqual(READ_ELSEWHERE)
  })

  it('is used by a part of the program', () => {
    const program = sourceFiles('src').filter(({ path }) => !path.startsWith('src/app/settings/'))
    const unused = Object.keys(loadSettings({})).filter(
      member => !program.some(({ text }) => new RegExp(`\\b${member}\\b`).test(text)),
    )
    expect(unused).toEqual([])
  })
})
