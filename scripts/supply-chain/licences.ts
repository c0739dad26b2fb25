/* Licences by their SPDX names. A person must read any other licence before it is added here. */

/** These licences only require that their text is kept. */
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
/** Allowed for packages that we only build and test with, and do not ship. */
const IN_DEVELOPMENT = [...ANYWHERE, 'PSF-2.0', 'Python-2.0', 'CC-BY-4.0']

/** A package in a lock file or in its own `package.json`. */
export interface Locked {
  readonly license?: string
  readonly licenses?: readonly { readonly type: string }[]
  readonly dev?: boolean
  /** True for a link into the repository itself. */
  readonly link?: boolean
}

/** Returns a sentence for each forbidden package. `readPackage` is called if the lock file names no licence. */
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

/** Of `A OR B` one must be allowed, of `A AND B` both. No package here nests them deeper. */
export function isAllowed(expression: string, allowed: readonly string[]): boolean {
  return expression
    .replaceAll(/[()]/g, '')
    .split(' OR ')
    .some(choice => choice.split(' AND ').every(name => allowed.includes(name.trim())))
}
