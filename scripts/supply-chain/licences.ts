/* Licences by their SPDX names. Whatever is not named here has to be read by a person first. */

/** They ask for no more than that their text is kept. */
const ANYWHERE = [
  'MIT',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
  'CC0-1.0',
]
/** Of what we build and test with and do not give to others. */
const IN_DEVELOPMENT = [...ANYWHERE, 'PSF-2.0', 'Python-2.0', 'CC-BY-4.0']

/** A package as a lock file or its own `package.json` has it. */
export interface Locked {
  readonly license?: string
  readonly licenses?: readonly { readonly type: string }[]
  readonly dev?: boolean
  /** A link into the repository itself. */
  readonly link?: boolean
}

/** Each package that may not be used, as a sentence. `readPackage` is asked where the lock names no licence. */
export function findForbidden(
  packages: Readonly<Record<string, Locked>>,
  readPackage: (path: string) => Locked,
): string[] {
  return Object.entries(packages).flatMap(([path, locked]) => {
    if (path === '' || locked.link === true) return []
    const named = licenceOf(locked) ?? licenceOf(readPackage(path))
    const allowed = locked.dev === true ? IN_DEVELOPMENT : ANYWHERE
    if (named !== undefined && isAllowed(named, allowed)) return []
    return [
      `${path.replace(/^node_modules\//, '')}: ${named ?? 'no licence'} is not among ${allowed.join(', ')}`,
    ]
  })
}

function licenceOf({ license, licenses }: Locked): string | undefined {
  return typeof license === 'string' ? license : licenses?.map(({ type }) => type).join(' OR ')
}

/** Of `A OR B` one is enough, of `A AND B` both are needed; no package here nests them deeper. */
export function isAllowed(expression: string, allowed: readonly string[]): boolean {
  return expression
    .replaceAll(/[()]/g, '')
    .split(' OR ')
    .some(choice => choice.split(' AND ').every(name => allowed.includes(name.trim())))
}
