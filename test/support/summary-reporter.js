/*
 * The last lines of a run: each test file with its counts, then each failed test with the beginning of its reason, then the
 * totals with the reasons of skipped tests. They are also written to coverage/test-summary.txt, so that they can be printed
 * again after other output.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

// biome-ignore lint/style/noDefaultExport: jest asks for one
export default class SummaryReporter {
  constructor({ rootDir }) {
    this.rootDir = rootDir
  }

  onRunComplete(_contexts, { testResults, wasInterrupted }) {
    const files = testResults
      .map(result => ({ name: relative(this.rootDir, result.testFilePath), ...counts(result) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
    const total = key => files.reduce((sum, file) => sum + file[key], 0)
    const lines = files.map(file => `${file.name}: ${sentence(file)}`)
    lines.push(
      ...testResults.flatMap(result => failures(relative(this.rootDir, result.testFilePath), result)),
    )
    lines.push(
      ...new Set(testResults.flatMap(result => pageFor(relative(this.rootDir, result.testFilePath), result))),
    )
    if (wasInterrupted) lines.push('The run was interrupted.')
    const totals = { passed: total('passed'), failed: total('failed'), skipped: total('skipped') }
    lines.push(`${sentence(totals)}${skipReasons()}`)
    const text = `${lines.join('\n')}\n`
    const file = join(this.rootDir, 'coverage', 'test-summary.txt')
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    // Jest prints its own summary after every reporter, and its warnings after that.
    process.once('exit', () => process.stdout.write(`\n${text}`))
  }
}

/** A file that could not be run counts as one failure, because its tests are unknown. */
function counts({
  numPassingTests,
  numFailingTests,
  numPendingTests,
  numTodoTests,
  testExecError,
  failureMessage,
}) {
  const couldNotRun = testExecError !== undefined && testExecError !== null
  const failedOutsideTests = numFailingTests === 0 && (couldNotRun || Boolean(failureMessage))
  return {
    passed: numPassingTests,
    failed: numFailingTests + (failedOutsideTests ? 1 : 0),
    skipped: numPendingTests + numTodoTests,
  }
}

/** If the output is cut in the middle, its end alone must say which tests failed and why. */
const MAX_REASON_CHARACTERS = 300

function failures(name, { testResults, failureMessage }) {
  const failed = testResults.filter(({ status }) => status === 'failed')
  if (failed.length === 0) return failureMessage ? [`FAILED ${name}: ${reason(failureMessage)}`] : []
  return failed.map(
    ({ fullName, failureMessages }) => `FAILED ${name}: ${fullName}: ${reason(failureMessages.join(' '))}`,
  )
}

/** What explains the rule that a test of the house enforces, by the beginning of the test's path. */
const PAGES = {
  'test/unit/http/documents': 'CONTRIBUTING.md#generated-files',
  'test/unit/machines/documents': 'CONTRIBUTING.md#generated-files',
  'test/unit/app/settings-document': 'CONTRIBUTING.md#a-setting',
  'test/unit/tidy/adr': 'docs/adr/README.md#write-an-adr',
  'test/unit/tidy/import-': 'docs/ARCHITECTURE.md#map',
  'test/unit/tidy/requirements': 'CONTRIBUTING.md#tests',
  'test/unit/tidy/signposts': 'CONTRIBUTING.md#where-to-change-what',
  'test/unit/tidy/threat-model': 'docs/threat-model.md',
  'test/unit/tidy/': 'CONTRIBUTING.md#review',
}

function pageFor(name, { numFailingTests, testExecError }) {
  if (numFailingTests === 0 && !testExecError) return []
  const page = Object.keys(PAGES).find(path => name.startsWith(path))
  return page === undefined ? [] : [`READ ${PAGES[page]}: ${name} failed`]
}

const reason = message =>
  stripVTControlCharacters(message).replaceAll(/\s+/g, ' ').trim().slice(0, MAX_REASON_CHARACTERS)

/** The reasons that skipped test files wrote to the run's folder (test/support/redis/redis-server.ts). */
function skipReasons() {
  try {
    const text = readFileSync(join(process.env.LOADCAST_TEST_FOLDER, 'skip-reasons'), 'utf8')
    return ` (skipped: ${[...new Set(text.trim().split('\n'))].join('; ')})`
  } catch {
    return '' // No test file wrote a reason.
  }
}

function sentence({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}
