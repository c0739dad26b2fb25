/*
 * `npm run audit`: no package that is shipped has a known hole of weight. Where the registry does not answer such
 * questions (a mirror, no network) it says so and passes: it is asked at every push, and a push must not fail for want
 * of an answer.
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
