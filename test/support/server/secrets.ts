/* A request with secrets, and a search for them in any JSON that is shown. */

export const SECRETIVE = {
  pickup: { lat: 28.613456, lng: 77.209876, address: 'Plot 7, Copper Lane' },
  drop: { lat: -33.868819, lng: 151.209295, address: 'Dock 9, Herring Wharf' },
  goods: 'Rice',
  notes: 'gate code 1234',
} as const

/** Either place with more than two decimals. */
const places = /28\.613|77\.209|33\.868|151\.209/
const secrets = [
  ['address', /Copper Lane|Herring Wharf/],
  ['notes', /gate code 1234/],
  ['place', places],
] as const

export type Secret = (typeof secrets)[number][0]

/** The names of the secrets in an answer, an envelope or any other JSON, in the order of the list above. */
export function found(shown: unknown): readonly Secret[] {
  const text = JSON.stringify(shown) ?? ''
  return secrets.flatMap(([name, pattern]) => (pattern.test(text) ? [name] : []))
}
