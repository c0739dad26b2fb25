/*
 * `aws` and `docker` for the steps of the pipeline: they record what they are called with and answer from a state
 * that is a file, as the account would. Only the commands that the steps are meant to use exist.
 */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'

const name = process.argv[1]
const args = process.argv.slice(2)
appendFileSync(process.env.STUB_CALLS, `${JSON.stringify([name, ...args])}\n`)
const state = JSON.parse(readFileSync(process.env.STUB_STATE, 'utf8'))

/** The value, or the values up to the next option. */
const option = flag => args[args.indexOf(flag) + 1]
const options = flag => {
  const rest = args.slice(args.indexOf(flag) + 1)
  const end = rest.findIndex(arg => arg.startsWith('--'))
  return end < 0 ? rest : rest.slice(0, end)
}
const fail = (code, text) => {
  process.stderr.write(`\n${text}\n`)
  process.exit(code)
}
const arnOf = (family, revision) =>
  `arn:aws:ecs:ap-south-1:123456789012:task-definition/${family}:${revision}`

const answers = {
  'ecr describe-images': () => {
    const tag = option('--image-ids').replace('imageTag=', '')
    if (state.images.includes(tag)) return { imageDetails: [{ imageTags: [tag] }] }
    return fail(254, 'An error occurred (ImageNotFoundException) when calling the DescribeImages operation')
  },
  'ecs describe-task-definition': () => {
    const family = option('--task-definition')
    const container = state.definitions[family]
    return {
      taskDefinition: {
        taskDefinitionArn: arnOf(family, state.revision),
        family,
        revision: state.revision,
        status: 'ACTIVE',
        requiresAttributes: [{ name: 'x' }],
        compatibilities: ['FARGATE'],
        registeredAt: 1,
        registeredBy: 'arn',
        cpu: '512',
        containerDefinitions: [container],
      },
    }
  },
  'ecs register-task-definition': () => {
    const file = option('--cli-input-json').replace('file://', '')
    const definition = JSON.parse(readFileSync(file, 'utf8'))
    const unknown = ['taskDefinitionArn', 'revision', 'status', 'registeredAt', 'registeredBy'].filter(
      key => key in definition,
    )
    if (unknown.length > 0) fail(252, `Unknown parameter in input: ${unknown}`)
    state.registered.push(definition)
    return { taskDefinition: { taskDefinitionArn: arnOf(definition.family, state.revision + 1) } }
  },
  'ecs describe-services': () => ({
    services: options('--services').map(service => state.services[service]),
  }),
  'ecs run-task': () => ({ tasks: [{ taskArn: 'arn:aws:ecs:ap-south-1:123456789012:task/loadcast/m1' }] }),
  'ecs wait': () => ({}),
  'ecs list-tasks': () => ({
    taskArns: state.services[option('--service-name')].tasks.map(
      (_, i) => `arn:aws:ecs:ap-south-1:123456789012:task/loadcast/${option('--service-name')}-${i}`,
    ),
  }),
  'ecs describe-tasks': () => ({
    tasks: options('--tasks').map(arn => {
      const [service, index] = arn.split('/').at(-1).split('-')
      if (index === undefined) return { containers: [state.migration] }
      return { taskDefinitionArn: state.services[service].tasks[index] }
    }),
  }),
  'logs filter-log-events': () => ({ events: [{ message: 'Migration 0003 applied in 12 ms.' }] }),
  'ssm put-parameter': () => ({ Version: 2 }),
}

if (name === 'docker') {
  if (state.docker[args[0]]) fail(1, state.docker[args[0]])
} else {
  const command = args.slice(0, 2).join(' ')
  if (answers[command] === undefined) fail(252, `aws: no such command here: ${command}`)
  const answer = answers[command]()
  writeFileSync(process.env.STUB_STATE, JSON.stringify(state))
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
