/** What the rest of the service says of the domain. This file imports nothing, so that every other may import it. */

/** For messages, for warming up, and for tests: a PUT that is answered with 204, after which a GET of the same path succeeds. */
export const EXAMPLE = {
  route: '/notes/:title',
  path: '/notes/shopping',
  body: '{"text":"milk, bread"}',
}

/** The table in the SQLite file. With another name, a release would not find what an earlier one has stored. */
export const TABLE = 'note'

/** The types of problems that no other service has, each as status and title. */
export const PROBLEMS = {
  'invalid-title': [400, 'The title is not valid'],
  'invalid-note': [400, 'The note is not valid'],
  'unknown-note': [404, 'There is no note of this title'],
} as const
