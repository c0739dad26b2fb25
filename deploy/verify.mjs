/*
 * Checks that the running tasks are the deployed ones. A service that was rolled back is stable too, so a stable service
 * does not prove that the new release runs.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { aws, CLUSTER, required, StepError, say, step } from './commands.mjs'

/** New targets answer at once. This is the time for the balancer to add them. */
const ATTEMPTS = 20
const PAUSE_MS = Number(process.env.HEALTH_PAUSE_MS ?? 3_000)
const ANSWER_MS = 10_000

await step(async () => {
  for (const service of ['api', 'worker']) {
    verifyService(service, required(`${service.toUpperCase()}_DEFINITION`))
  }
  await verifyHealth(required('HEALTH_URL'), required('RELEASE'))
})

function verifyService(service, expected) {
  const { services } = aws(['ecs', 'describe-services', '--cluster', CLUSTER, '--services', service])
  const [found] = services
  const [deployment, ...others] = found?.deployments ?? []
  if (deployment?.taskDefinition !== expected) {
    throw new StepError(`${service} was rolled back: it runs ${deployment?.taskDefinition}, not ${expected}`)
  }
  if (others.length > 0 || deployment.rolloutState !== 'COMPLETED') {
    throw new StepError(`${service} is not stable: ${deployment.rolloutState}`)
  }
  const arns = aws(['ecs', 'list-tasks', '--cluster', CLUSTER, '--service-name', service]).taskArns
  if (arns.length === 0) throw new StepError(`${service} has no running task`)
  // The command accepts at most a hundred tasks.
  for (let from = 0; from < arns.length; from += 100) {
    const page = arns.slice(from, from + 100)
    const { tasks } = aws(['ecs', 'describe-tasks', '--cluster', CLUSTER, '--tasks', ...page])
    const old = tasks.filter(({ taskDefinitionArn }) => taskDefinitionArn !== expected)
    if (old.length > 0) throw new StepError(`${old.length} tasks of ${service} are not of ${expected}`)
  }
  say(`${service}: ${arns.length} tasks, all of ${expected}`)
}

async function verifyHealth(url, release) {
  let last = 'no answer'
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    if (attempt > 1) await delay(PAUSE_MS)
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) })
      const { status, version } = await answer.json()
      last = `${answer.status}, ${status}, version ${version}`
      if (answer.status === 200 && status === 'ok' && version === release) {
        say(`${url}: ok, version ${version}`)
        return
      }
    } catch (error) {
      last = error.cause?.message ?? error.message
    }
  }
  throw new StepError(`${url} is not healthy with version ${release}: ${last}`)
}
