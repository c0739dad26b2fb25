/* `render.mjs api worker` writes the task definitions of the services with the new image, each to a file. */
import { writeFileSync } from 'node:fs'
import { output, renderDefinition, required, step } from './commands.mjs'

await step(() => {
  for (const service of process.argv.slice(2)) {
    const file = `task-definition-${service}.json`
    writeFileSync(file, JSON.stringify(renderDefinition(`loadcast-${service}`, required('IMAGE')), null, 2))
    output(service, file)
  }
})
