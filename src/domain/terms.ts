/** What the rest of the service says of the domain. This file imports nothing, so that every other may import it. */

/** For messages, for warming up, and for tests: a PUT that is answered with 204, after which a GET of the same path succeeds. */
export const EXAMPLE = {
  route: '/hello/:username',
  path: '/hello/Ada',
  body: '{"dateOfBirth":"1815-12-10"}',
}

/** The table in the SQLite file. With another name, a release would not find what an earlier one has stored. */
export const TABLE = 'birthday'

/** The types of problems that no other service has, each as status and title. */
export const PROBLEMS = {
  'invalid-username': [400, 'The user name is not valid'],
  'invalid-birthday': [400, 'The birthday is not valid'],
  'unknown-user': [404, 'No birthday is stored for this user'],
} as const
