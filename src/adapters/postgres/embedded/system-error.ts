/**
 * The code of a system error (`ENOENT`), or the exit code of a program that failed; else undefined. It looks at the shape
 * and not at `instanceof`, because jest's sandbox has an `Error` of its own.
 */
export function errorCode(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}

/** Whether a system call failed, and not our own code. */
export function isSystemError(error: unknown): error is { message: string } {
  return typeof error === 'object' && error !== null && 'syscall' in error
}
