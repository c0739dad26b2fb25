/** A handler's success. Problems are the other side of `Result`. */
export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON, or unchanged if `headers` has a content type. */
  readonly body?: unknown
}
