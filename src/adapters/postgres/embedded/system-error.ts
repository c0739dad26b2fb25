/**
 * The code of an error of the system (`ENOENT`) or of a program that ended badly (its exit code); else undefined.
 * By shape, not by `instanceof`: jest's sandbox has an `Error` of its own.
 */
export function errorCode(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}

/** Whether a call of the system failed, as against a fault of ours. */
export function isSystemError(error: unknown): error is { message: string } {
  return typeof error === 'object' && error !== null && 'syscall' in error
}
