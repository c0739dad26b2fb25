/* A test loads this into a server. At SIGUSR2 it prints the environment of a child of the server. */
import { execFileSync } from 'node:child_process'

process.on('SIGUSR2', () => {
  process.stdout.write(`child: ${execFileSync('env', ['-0'])} :child\n`)
})
