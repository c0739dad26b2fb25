/* `npm run check:licences`: checks that every installed package has a licence that a closed product may use. */
import { readFileSync } from 'node:fs'
import { findForbidden, type Locked } from './supply-chain/licences.js'

const root = new URL('../', import.meta.url)
const readJson = (path: string) => JSON.parse(readFileSync(new URL(path, root), 'utf8'))
const { packages } = readJson('package-lock.json') as { packages: Readonly<Record<string, Locked>> }

/** Old packages name their licence in a form that the lock file does not contain. */
const fromPackage = (path: string): Locked => readJson(`${path}/package.json`)

const forbidden = findForbidden(packages, fromPackage)
for (const line of forbidden) console.error(line)
if (forbidden.length > 0) process.exitCode = 1
else console.log(`${Object.keys(packages).length - 1} packages, each under a licence we may use`)
