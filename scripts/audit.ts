/*
 * `npm run audit`: fails if a shipped package has a severe known vulnerability. If the registry does not answer the query
 * (a mirror, no network), it prints that and passes. It runs at every push, and a push must not fail because there is no
 * answer.
 */
import { spawnSync } from 'node:child_process'
import { judgeAudit } from './supply-chain/audit.js'

const { stdout, stderr } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { encoding: 'utf8' })
const verdict = judgeAudit(stdout)
console.log(verdict.says)
if (!verdict.isGood) {
  console.error(stderr)
  process.exitCode = 1
}
