/* Which image runs, for whoever changes the infrastructure next: CloudFormation starts that one again. */
import { aws, required, say, step } from './commands.mjs'

await step(() => {
  const tag = required('IMAGE_TAG')
  aws([
    'ssm',
    'put-parameter',
    '--name',
    '/loadcast/image-tag',
    '--type',
    'String',
    '--overwrite',
    '--value',
    tag,
  ])
  say(`recorded ${tag}`)
})
