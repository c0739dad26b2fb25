/* Records which image runs. The next change of the infrastructure makes CloudFormation start that image again. */
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
