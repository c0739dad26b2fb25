import { beforeAll, describe, expect, test } from '@jest/globals'
import { createScene, type Scene } from '../../support/api/scene.js'
import { until } from '../../support/engine/engine.js'
import { acceptBody } from '../../support/server/fleet.js'
import { useTestApp } from '../../support/server/use-test-app.js'

let scene: Scene

const app = await useTestApp({ env: { BROADCAST_TIMEOUT_SECONDS: '3600', REACH_STEP_SECONDS: '3600' } })

beforeAll(async () => {
  scene = await createScene(app)
})

describe('R9.5 R10.7 the story of a request', () => {
  test('shows in one answer what happened, by which actor, and why others were refused', async () => {
    const { id, admin, customer, party, offered, stranger } = scene
    await offered.transporter.post(`/api/v1/broadcast/${id}/decline`, { reason: 'Too far' })
    await stranger.transporter.post(`/api/v1/broadcast/${id}/accept`, acceptBody(stranger))
    await customer.put(`/api/v1/booking/${id}/cancel`, { reason: 'Found one' })
    await party.transporter.post(`/api/v1/broadcast/${id}/accept`, acceptBody(party))
    await admin.post(`/api/v1/admin/instances/${id}/events`, {
      event: { type: 'cancel' },
      reason: 'To be sure',
    })
    const read = async () => (await admin.get(`/api/v1/admin/broadcasts/${id}/story`)).body.items as Item[]
    // Refusals are put on record after they were given.
    await until(async () => (await read()).filter(({ what }) => what === 'refused').length === 2)
    const items = await read()
    const of = (kind: string) => items.filter(({ what }) => what === kind)

    expect(
      of('transition').map(({ detail, who, version }) => [version, detail.event, detail.status, who]),
    ).toEqual([
      [1, 'xstate.init', 'searching', customer.id],
      [2, 'accept', 'partially_filled', party.transporter.id],
      [3, 'cancel', 'cancelled', customer.id],
    ])
    expect(of('offered')).toMatchObject([{ detail: { step: '1', transporters: 2 } }])
    expect(of('declined')).toMatchObject([{ who: offered.transporter.id, detail: { reason: 'Too far' } }])
    expect(of('refused').map(({ who, detail }) => [who, detail.code])).toEqual([
      [stranger.transporter.id, 'VEHICLE_TYPE_MISMATCH'],
      [party.transporter.id, 'BROADCAST_CANCELLED'],
    ])
    expect(of('dead_letter')).toMatchObject([{ detail: { id: scene.deadLetterId, error: 'made by a test' } }])
    expect(of('administered')).toMatchObject([
      { who: admin.id, detail: { action: 'instance.event', reason: 'To be sure', outcome: 'unchanged' } },
    ])
    const times = items.flatMap(({ at }) => (at === undefined ? [] : [Date.parse(at)]))
    expect(times).toEqual([...times].sort((a, b) => a - b))
  })

  test('shows how many transporters a step found and skipped, and why', async () => {
    const own = await createScene(app)
    await app.query(
      `insert into recipients (broadcast_id, transporter_id, step, reason)
       select $1, 'absent-' || n, '1', 'transporter_not_present' from generate_series(1, 3) n`,
      [own.id],
    )
    const { body } = await own.admin.get(`/api/v1/admin/broadcasts/${own.id}/story`)
    expect(body.items).toContainEqual({
      what: 'not_offered',
      detail: { step: '1', reason: 'transporter_not_present', transporters: 3 },
    })
  })

  test('is only for administrators, and only for existing requests', async () => {
    expect((await scene.customer.get(`/api/v1/admin/broadcasts/${scene.id}/story`)).status).toBe(403)
    const nobodys = '01890a5d-ac96-774b-bcce-b302099a8057'
    expect((await scene.admin.get(`/api/v1/admin/broadcasts/${nobodys}/story`)).status).toBe(404)
  })
})

interface Item {
  readonly at?: string
  readonly what: string
  readonly who?: string
  readonly version?: number
  readonly detail: Readonly<Record<string, unknown>>
}
