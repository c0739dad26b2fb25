import { setup } from 'xstate'

/**
 * The journey of one truck for one request. It has no data: the broadcast stores a trip's state as a word, beside its
 * driver and vehicle, and moves it by the same steps.
 */
export const tripMachine = setup({
  types: {
    events: {} as
      | { type: 'start' }
      | { type: 'complete' }
      | { type: 'release' }
      | { type: 'cancel' }
      | { type: 'abandon' },
  },
}).createMachine({
  id: 'trip',
  description: 'One truck and its driver, from the accepted offer to the delivery.',
  initial: 'assigned',
  states: {
    assigned: {
      description: 'Driver and vehicle are promised to the request and busy; nobody has set off.',
      on: {
        start: { target: 'started', description: 'The driver sets off.' },
        release: {
          target: 'released',
          description: 'The transporter gives the truck back before the start.',
        },
        cancel: { target: 'cancelled', description: 'The customer cancels the request.' },
        abandon: { target: 'abandoned', description: 'An admin ends it.' },
      },
    },
    started: {
      description: 'Under way: only the delivery or an admin ends it, no cancel of the request.',
      on: {
        complete: { target: 'completed', description: 'The load is delivered.' },
        abandon: { target: 'abandoned', description: 'An admin ends it: a breakdown, say.' },
      },
    },
    completed: {
      description: 'Delivered. The truck counts as found for good; driver and vehicle are free.',
      type: 'final',
    },
    released: {
      description: 'Given back by the transporter before the start; the truck is open again.',
      type: 'final',
    },
    cancelled: {
      description: 'Ended by the cancel of its request before the start.',
      type: 'final',
    },
    abandoned: {
      description: 'Ended by an admin; the truck is open again.',
      type: 'final',
    },
  },
})
