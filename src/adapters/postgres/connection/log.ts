/** What this folder says while it works; pino's logger fits. */
export interface Log {
  info(message: string): void
  warn(message: string): void
}
