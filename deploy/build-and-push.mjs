/* The image of this commit, built for what Fargate runs and pushed. One that is there already is left as it is. */
import { readFileSync } from 'node:fs'
import { aws, output, required, run, say, step } from './commands.mjs'

await step(() => {
  const repository = required('REPOSITORY')
  const tag = required('IMAGE_TAG')
  const image = `${required('REGISTRY')}/${repository}:${tag}`
  // As /health tells it: which release, and which commit it was built of.
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
  const release = `${version}+${tag}`
  const found = aws(
    ['ecr', 'describe-images', '--repository-name', repository, '--image-ids', `imageTag=${tag}`],
    { tolerated: /ImageNotFoundException/ },
  )
  if (found === undefined) {
    const platform = ['--platform', 'linux/amd64', '--target', 'production']
    run('docker', ['build', ...platform, '--build-arg', `RELEASE=${release}`, '--tag', image, '.'])
    run('docker', ['push', image])
  } else {
    // Tags cannot be moved: what stands there was built of this very commit.
    say(`${image} is there already`)
  }
  output('image', image)
  output('release', release)
})
