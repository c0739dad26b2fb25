/* Migrates the schema to the new release: its own image does it in a task, before any of its servers starts. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { aws, CLUSTER, renderDefinition, required, StepError, say, step } from './commands.mjs'

/** The task is started once. A failed migration needs an operator, not a retry. */
await step(() => {
  const file = join(mkdtempSync(join(tmpdir(), 'loadcast-')), 'migrate.json')
  writeFileSync(file, JSON.stringify(renderDefinition('loadcast-migrate', required('IMAGE'))))
  const { taskDefinition } = aws(['ecs', 'register-task-definition', '--cli-input-json', `file://${file}`])
  const task = start(taskDefinition.taskDefinitionArn)
  say(`migrating in ${task}`)
  aws(['ecs', 'wait', 'tasks-stopped', '--cluster', CLUSTER, '--tasks', task])
  const { tasks } = aws(['ecs', 'describe-tasks', '--cluster', CLUSTER, '--tasks', task])
  const [container] = tasks[0]?.containers ?? []
  showLog(task)
  if (container?.exitCode === 0) return
  const reason = container?.reason ?? tasks[0]?.stoppedReason ?? 'no reason given'
  throw new StepError(`The migration ended with ${container?.exitCode ?? 'no exit code'}: ${reason}`)
})

/** Uses the network of the api, which reaches the database. */
function start(definition) {
  const { services } = aws(['ecs', 'describe-services', '--cluster', CLUSTER, '--services', 'api'])
  const network = services[0]?.networkConfiguration
  if (network === undefined) throw new StepError('There is no service api: deploy the service stack first')
  const { tasks, failures } = aws([
    'ecs',
    'run-task',
    '--cluster',
    CLUSTER,
    '--launch-type',
    'FARGATE',
    '--task-definition',
    definition,
    '--network-configuration',
    JSON.stringify(network),
    '--started-by',
    'deploy',
  ])
  const task = tasks[0]?.taskArn
  if (task === undefined) throw new StepError(`The migration did not start: ${failures?.[0]?.reason}`)
  return task
}

function showLog(task) {
  const stream = `migrate/migrate/${task.split('/').at(-1)}`
  const log = aws(
    ['logs', 'filter-log-events', '--log-group-name', '/loadcast/migrate', '--log-stream-names', stream],
    { tolerated: /ResourceNotFoundException/ },
  )
  for (const { message } of log?.events ?? []) say(`  ${message}`)
}
