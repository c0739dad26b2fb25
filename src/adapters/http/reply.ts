/** What a handler answers; problems come back as the other side of `Result`. */
export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON, or as it is where `headers` names a content type of its own. */
  readonly body?: unknown
}
