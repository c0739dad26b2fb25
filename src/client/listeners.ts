/* Handlers by name, with the type of what each gets. */
export function createListeners<TEvents extends object>() {
  const listeners = new Map<keyof TEvents, Set<(value: never) => void>>()

  return {
    /** Answers how to take it off again. */
    on<TName extends keyof TEvents>(name: TName, handle: (value: TEvents[TName]) => void): () => void {
      const handlers = listeners.get(name) ?? new Set()
      listeners.set(name, handlers)
      handlers.add(handle)
      return () => void handlers.delete(handle)
    },
    emit<TName extends keyof TEvents>(name: TName, value: TEvents[TName]): void {
      for (const handle of listeners.get(name) ?? []) {
        try {
          ;(handle as (value: TEvents[TName]) => void)(value)
        } catch (error) {
          // A mistake of the app's must be seen, and must not keep other handlers from theirs.
          setTimeout(() => {
            throw error
          })
        }
      }
    },
  }
}
