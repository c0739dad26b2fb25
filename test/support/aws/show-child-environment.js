/* Loaded into a server by a test: at SIGUSR2 it prints what a child of the server is given. */
import { execFileSync } from 'node:child_process'

process.on('SIGUSR2', () => {
  process.stdout.write(`child: ${execFileSync('env', ['-0'])} :child\n`)
})
