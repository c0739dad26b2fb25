/* Builds the image of this commit for Fargate's platform and pushes it. An existing image is left as it is. */
import { readFileSync } from 'node:fs'
import { aws, output, required, run, say, step } from './commands.mjs'

await step(() => {
  const repository = required('REPOSITORY')
  const tag = required('IMAGE_TAG')
  const image = `${required('REGISTRY')}/${repository}:${tag}`
  // The version that /health reports: the release, and the commit it was built from.
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
    // Tags cannot be moved, so the existing image was built from this very commit.
    say(`${image} exists already`)
  }
  output('image', image)
  output('release', release)
})
