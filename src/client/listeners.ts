/* Handlers by event name, typed by what each gets. */
export function createListeners<TEvents extends object>() {
  const listeners = new Map<keyof TEvents, Set<(value: never) => void>>()

  return {
    /** Returns a function that removes the handler. */
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
          // An error in the app's handler must be reported, and must not stop the other handlers.
          setTimeout(() => {
            throw error
          })
        }
      }
    },
  }
}
