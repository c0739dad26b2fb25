/*
 * ECS as far as a rotation uses it: services whose tasks get the secret's values only when they start, deployments that
 * take time and may fail, and revisions of task definitions.
 */
import { AwsError, type Body, type Operations, REGION } from './server.js'

const ACCOUNT = '123456789012'
export const definitionArn = (name: string) => `arn:aws:ecs:${REGION}:${ACCOUNT}:task-definition/${name}`

interface Deployment {
  readonly id: string
  status: 'PRIMARY' | 'ACTIVE'
  rolloutState: 'IN_PROGRESS' | 'COMPLETED' | 'FAILED'
  readonly taskDefinition: string
}

export interface RunningTask {
  readonly taskArn: string
  readonly startedBy: string
  /** The values that ECS injected when it started. */
  readonly values: Readonly<Record<string, string>>
}

interface FakeService {
  readonly taskDefinition: string
  deployments: Deployment[]
  tasks: RunningTask[]
}

export interface EcsOptions {
  readonly services: readonly string[]
  /** The values of a task that starts now. */
  values(): Readonly<Record<string, string>>
}

/** A fake ECS. Over 70 lines because its commands share the tasks and the revisions. */
export function createEcs({ services: names, values }: EcsOptions) {
  let count = 0
  const active = new Set<string>()
  /** How a deployment ends, and whether it has ended at the first poll. */
  const ending = {
    atOnce: false,
    of: (_service: string): 'COMPLETED' | 'FAILED' => 'COMPLETED',
  }
  const start = (startedBy: string) =>
    Array.from({ length: 2 }, () => ({
      taskArn: `arn:aws:ecs:${REGION}:${ACCOUNT}:task/loadcast/${++count}`,
      startedBy,
      values: values(),
    }))
  const services = new Map<string, FakeService>(
    names.map(name => {
      const revisions = [1, 2, 3].map(revision => definitionArn(`loadcast-${name}:${revision}`))
      for (const revision of revisions) active.add(revision)
      const taskDefinition = revisions.at(-1) ?? ''
      const id = `ecs-svc/${++count}`
      const deployments: Deployment[] = [{ id, status: 'PRIMARY', rolloutState: 'COMPLETED', taskDefinition }]
      return [name, { taskDefinition, deployments, tasks: start(id) }]
    }),
  )

  /** Advances by one poll: a deployment in progress completes, or fails and is undone. */
  function settle(name: string, service: FakeService): void {
    const under = service.deployments.find(({ rolloutState }) => rolloutState === 'IN_PROGRESS')
    if (under === undefined) return
    if (ending.of(name) === 'FAILED') {
      service.deployments = service.deployments.filter(deployment => deployment !== under).slice(-1)
      for (const deployment of service.deployments) deployment.status = 'PRIMARY'
      return
    }
    under.rolloutState = 'COMPLETED'
    service.deployments = [under]
    service.tasks = start(under.id)
  }

  const serviceOf = (name: string) => {
    const service = services.get(name)
    if (service === undefined) throw new AwsError('ServiceNotFoundException')
    return service
  }
  const shown = (name: string, service: FakeService) => ({
    serviceName: name,
    taskDefinition: service.taskDefinition,
    desiredCount: 2,
    runningCount: service.tasks.length,
    deployments: service.deployments,
  })

  const operations: Operations = {
    DescribeServices({ services: asked }: Body) {
      const found = (asked as string[]).filter(name => services.has(name))
      if (ending.atOnce) for (const name of found) settle(name, serviceOf(name))
      const answer = {
        services: found.map(name => structuredClone(shown(name, serviceOf(name)))),
        failures: (asked as string[])
          .filter(name => !services.has(name))
          .map(name => ({ arn: name, reason: 'MISSING' })),
      }
      for (const name of found) settle(name, serviceOf(name))
      return answer
    },
    UpdateService({ service: name, forceNewDeployment }: Body) {
      const service = serviceOf(name)
      if (forceNewDeployment !== true) throw new AwsError('InvalidParameterException', 'Nothing to update')
      for (const deployment of service.deployments) deployment.status = 'ACTIVE'
      service.deployments = [
        {
          id: `ecs-svc/${++count}`,
          status: 'PRIMARY',
          rolloutState: 'IN_PROGRESS',
          taskDefinition: service.taskDefinition,
        },
        // Of several deployments in progress, only the one that serves stays beside the new one.
        ...service.deployments.filter(({ rolloutState }) => rolloutState === 'COMPLETED'),
      ]
      // A rolling deployment: one of the new tasks runs beside one of the old ones.
      const [first] = start(service.deployments[0]?.id ?? '')
      if (first !== undefined) service.tasks = [first, ...service.tasks.slice(1)]
      return { service: structuredClone(shown(name, service)) }
    },
    ListTasks: ({ serviceName }: Body) => ({ taskArns: serviceOf(serviceName).tasks.map(t => t.taskArn) }),
    DescribeTasks({ tasks }: Body) {
      const all = [...services.values()].flatMap(service => service.tasks)
      return { tasks: all.filter(({ taskArn }) => (tasks as string[]).includes(taskArn)) }
    },
    ListTaskDefinitions({ familyPrefix, nextToken }: Body) {
      const all = [...active].filter(arn => arn.startsWith(`${definitionArn(familyPrefix)}:`)).sort()
      // A page has one item, so a caller that ignores the next page is found out.
      const at = Number(nextToken ?? 0)
      return {
        taskDefinitionArns: all.slice(at, at + 1),
        ...(at + 1 < all.length ? { nextToken: String(at + 1) } : {}),
      }
    },
    DeregisterTaskDefinition({ taskDefinition }: Body) {
      active.delete(taskDefinition)
      return { taskDefinition: { taskDefinitionArn: taskDefinition, status: 'INACTIVE' } }
    },
  }
  return {
    operations,
    ending,
    tasks: () => [...services.values()].flatMap(service => service.tasks),
    activeRevisions: () => [...active].map(arn => arn.split('/').at(-1)).sort(),
  }
}
