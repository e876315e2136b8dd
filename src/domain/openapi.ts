import { BODY_LIMIT_BYTES } from '../http/body.ts'
import { json, jsonSchema, problems, ref } from '../http/openapi.ts'
import { Birthday, Greeting, Username } from './schemas.ts'

const tags = ['Birthdays']
const read = [{}, { token: ['read'] }]
const write = [{}, { token: ['write'] }]

/** The part of the OpenAPI document that describes birthdays. */
export const domainApi = {
  description: 'Stores a date of birth per user name and greets people by it.',
  tag: { name: 'Birthdays', description: 'Save, greet, forget.' },
  schemas: { Birthday, Greeting },
  paths: {
    '/hello/{username}': {
      parameters: [
        {
          name: 'username',
          in: 'path',
          required: true,
          schema: jsonSchema(Username),
          example: 'Ada',
        },
      ],
      get: {
        tags,
        operationId: 'greet',
        summary: 'Greet a user',
        security: read,
        responses: {
          200: json('The greeting, with the days until the next birthday.', 'Greeting'),
          ...problems(
            'invalid-username',
            'unauthorized',
            'unknown-user',
            'internal-error',
            'store-unavailable',
          ),
        },
      },
      put: {
        tags,
        operationId: 'saveBirthday',
        summary: 'Save or replace a date of birth',
        description: `The body may have at most ${BODY_LIMIT_BYTES} bytes. The date must be before today.`,
        security: write,
        requestBody: {
          required: true,
          content: { 'application/json': { schema: ref('Birthday') } },
        },
        responses: {
          204: { description: 'Saved.' },
          ...problems(
            'invalid-birthday',
            'unauthorized',
            'forbidden',
            'request-timeout',
            'body-too-large',
            'unsupported-media-type',
            'internal-error',
            'store-unavailable',
          ),
        },
      },
      delete: {
        tags,
        operationId: 'forget',
        summary: 'Forget a user',
        security: write,
        responses: {
          204: { description: 'Forgotten.' },
          ...problems(
            'invalid-username',
            'unauthorized',
            'forbidden',
            'unknown-user',
            'internal-error',
            'store-unavailable',
          ),
        },
      },
    },
  },
}
