/* Settings of who gets in over HTTP and sockets, and how often. */
import { z } from 'zod'
import { api, expecting, type SettingGroup, server } from './setting.js'
import { wholeNumber } from './values.js'

/** Sixteen thousand a second: more is a mistake of units. */
const MAX_PER_MINUTE = 1_000_000
/** A content network, a balancer and a proxy beside the process are three. */
const MAX_PROXIES = 10

const origins = expecting('* or origins such as https://app.example.com, separated by commas', message =>
  z
    .string()
    .transform(text => text.split(',').map(part => part.trim()))
    .refine(parts => parts.every(part => part === '*' || isOrigin(part)), message)
    .default([]),
)

export const doorSettings = {
  CORS_ORIGINS: {
    schema: origins,
    meaning:
      'The origins whose web pages may call the API. Nothing means pages of the server itself only. Apps need none.',
    example: 'https://app.example.com',
    readBy: api,
  },
  TRUSTED_PROXIES: {
    schema: wholeNumber(0, 0, MAX_PROXIES),
    meaning:
      'How many of your proxies a request passes through. Each appends an address to `X-Forwarded-For`, and as many are believed. If it is too low, all callers share one address.',
    example: '1',
    readBy: server,
    advisedIn: ['one server', 'cluster', 'AWS'],
  },
  RATE_LIMIT_USER_PER_MINUTE: {
    schema: wholeNumber(0, 0, MAX_PER_MINUTE),
    meaning: 'The most requests of one user in a minute. 0 is no limit.',
    example: '600',
    readBy: api,
    advisedIn: ['one server', 'cluster', 'AWS'],
  },
  RATE_LIMIT_ADDRESS_PER_MINUTE: {
    schema: wholeNumber(0, 0, MAX_PER_MINUTE),
    meaning:
      'The most requests of one address in a minute. 0 is no limit. Phones of one carrier share addresses, so it is higher than the limit of a user.',
    example: '6000',
    readBy: api,
    advisedIn: ['one server', 'cluster', 'AWS'],
  },
} as const satisfies SettingGroup

function isOrigin(text: string): boolean {
  return URL.canParse(text) && /^https?:/.test(text) && new URL(text).origin === text
}
