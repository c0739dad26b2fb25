/*
 * The last lines of a run: each test file with its counts, then the totals alone on the last line.
 * Also kept in coverage/test-summary.txt, so that they can be printed again after other output.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

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
    if (wasInterrupted) lines.push('The run was interrupted.')
    lines.push(sentence({ passed: total('passed'), failed: total('failed'), skipped: total('skipped') }))
    const text = `${lines.join('\n')}\n`
    const file = join(this.rootDir, 'coverage', 'test-summary.txt')
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    // Jest prints its own summary after every reporter, and its warnings after that.
    process.once('exit', () => process.stdout.write(`\n${text}`))
  }
}

/** A file that could not be run at all counts as one failure: its tests are unknown. */
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

function sentence({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}
