import { describe, expect, it } from '@jest/globals'
import { offerDelays } from '../../../demo/delays.js'

describe('delays of offers', () => {
  const requests = [
    { id: 'b1', customerId: 'c1', sentAt: 100, answeredAt: 110, trucksNeeded: 1, firstOffers: 2 },
  ]
  const offer = { broadcastId: 'b1', transporterId: 'x1', eventId: 'e1', step: '1' }

  it('are measured from the answer, and are none for an offer that came before it', () => {
    const offers = [
      { ...offer, receivedAt: 125 },
      { ...offer, receivedAt: 108 },
    ]
    expect(offerDelays({ requests, offers }, 'answeredAt')).toEqual([0, 15])
    expect(offerDelays({ requests, offers }, 'sentAt')).toEqual([8, 25])
  })

  it('leave out later steps, and phones that connected later', () => {
    const offers = [
      { ...offer, receivedAt: 111 },
      { ...offer, receivedAt: 112 },
      { ...offer, receivedAt: 900 },
      { ...offer, step: '2', receivedAt: 100 },
    ]
    expect(offerDelays({ requests, offers }, 'answeredAt')).toEqual([1, 2])
  })
})
