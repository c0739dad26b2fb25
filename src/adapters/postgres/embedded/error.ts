/** A start or stop of the embedded Postgres failed. The message is a sentence for the operator. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError'
}

/** Another live process holds this DATA_DIR. `pid` is undefined if it did not answer. */
export class EmbeddedPostgresHeldError extends EmbeddedPostgresError {
  readonly pid: number | undefined

  constructor(dataDir: string, pid: number | undefined) {
    const holder = pid === undefined ? 'another process (it did not answer with its pid)' : `process ${pid}`
    super(
      `DATA_DIR ${dataDir} is in use: ${holder} runs its Postgres. Stop that process, or set DATA_DIR to another folder.`,
    )
    this.pid = pid
  }
}

const EXPLANATIONS: readonly (readonly [pattern: RegExp, sentence: string])[] = [
  [
    /No space left on device|Check free disk space|ENOSPC/,
    'The disk is full: free some space, then start again.',
  ],
  [/Read-only file system|EROFS/, 'The disk is read-only: set DATA_DIR to a folder that can be written.'],
  [/Permission denied|EACCES|EPERM/, 'A folder or file may not be read or written by the user that runs it.'],
  [
    /error while loading shared libraries/,
    'A library is missing: install the packages again (npm ci), or set DATABASE_URL to a Postgres server.',
  ],
  [
    /could not look up effective user ID/,
    'The user that runs it has no entry in /etc/passwd, without which Postgres cannot make its data: ' +
      'run as a user that has one, or set DATABASE_URL to a Postgres server.',
  ],
  [/could not (create|map|resize) (anonymous )?shared memory/, 'There is too little memory for Postgres.'],
]

/** An error with `what` failed, the likely cause in a sentence if the text is a known one, and the text itself. */
export function explainedError(what: string, text: string, cause?: unknown): EmbeddedPostgresError {
  const known = EXPLANATIONS.find(([pattern]) => pattern.test(text))
  const parts = [`${what}.`, known?.[1], text.trim()].filter(part => part !== undefined && part !== '')
  return new EmbeddedPostgresError(parts.join('\n'), { cause })
}
