/* The setting of pushes: the Google service account that sends them. */
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { type SettingGroup, server } from './setting.js'

/** As Google's console hands it out; there is more in it. */
const serviceAccount = z
  .object({
    project_id: z.string().min(1),
    client_email: z.email(),
    private_key: z.string().refine(isPrivateKey),
  })
  .transform(key => ({
    projectId: key.project_id,
    clientEmail: key.client_email,
    privateKey: key.private_key,
  }))

export type ServiceAccount = z.infer<typeof serviceAccount>

const EXPECTED = 'the JSON of a Google service account, or the path of a file of it'

/** The messages never quote the text, which is a secret. */
function readServiceAccount(given: string, context: z.RefinementCtx): ServiceAccount {
  const refuse = (problem: string) => {
    context.addIssue({ code: 'custom', message: `Expected ${EXPECTED}: ${problem}` })
    return z.NEVER
  }
  let text = given.trim()
  if (!text.startsWith('{')) {
    try {
      text = readFileSync(text, 'utf8')
    } catch {
      return refuse('there is no file of that name that can be read')
    }
  }
  try {
    const parsed = serviceAccount.safeParse(JSON.parse(text))
    if (parsed.success) return parsed.data
    const names = [...new Set(parsed.error.issues.map(issue => issue.path.join('.')))]
    return refuse(`${names.join(', ')} is missing or not usable`)
  } catch {
    return refuse('it is no JSON')
  }
}

export const pushSettings = {
  FCM_SERVICE_ACCOUNT: {
    schema: z.string().transform(readServiceAccount).describe(EXPECTED).optional(),
    meaning: 'The account that sends pushes to phones. A secret.',
    example: '/run/secrets/firebase.json',
    unset: 'nobody is pushed: pushes are only logged',
    readBy: server,
    advisedIn: ['one server', 'cluster', 'AWS'],
  },
} as const satisfies SettingGroup

function isPrivateKey(text: string): boolean {
  try {
    return createPrivateKey(text).asymmetricKeyType === 'rsa'
  } catch {
    return false
  }
}
