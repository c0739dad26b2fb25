/* A request whose secrets are found again in whatever text shows them. */

export const SECRETIVE = {
  pickup: { lat: 28.613456, lng: 77.209876, address: 'Plot 7, Copper Lane' },
  drop: { lat: -33.868819, lng: 151.209295, address: 'Dock 9, Herring Wharf' },
  goods: 'Rice',
  notes: 'gate code 1234',
} as const

/** More than two decimals of either place. */
const places = /28\.613|77\.209|33\.868|151\.209/
const secrets = [
  ['address', /Copper Lane|Herring Wharf/],
  ['notes', /gate code 1234/],
  ['place', places],
] as const

export type Secret = (typeof secrets)[number][0]

/** Which secrets an answer, an envelope or anything else that is sent as JSON holds, in the order of their names. */
export function found(shown: unknown): readonly Secret[] {
  const text = JSON.stringify(shown) ?? ''
  return secrets.flatMap(([name, pattern]) => (pattern.test(text) ? [name] : []))
}
