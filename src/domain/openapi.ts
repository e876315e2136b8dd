import { REQUEST_TIMEOUT_SECONDS } from '../config/timeouts.ts'
import { scopeTooNarrow, tokenMissing } from '../http/authorize.ts'
import { BODY_LIMIT_BYTES, bodyLate, bodyTooLarge, malformedJson, notJson } from '../http/body.ts'
import { internalError, storeUnavailable } from '../http/errors.ts'
import { json, jsonSchema, problems, ref } from '../http/openapi.ts'
import { invalidBirthday, invalidUsername, unknownUser } from './routes.ts'
import { Birthday, Greeting, LETTERS, Username } from './schemas.ts'

const tags = ['Birthdays']
const read = [{}, { token: ['read'] }]
const write = [{}, { token: ['write'] }]
const badName = invalidUsername([{ parameter: 'username', detail: LETTERS }])
const badDate = invalidBirthday([{ pointer: '/dateOfBirth', detail: 'missing' }])

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
          ...problems(badName, tokenMissing(), unknownUser(), internalError(), storeUnavailable()),
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
            badName,
            badDate,
            malformedJson(),
            tokenMissing(),
            scopeTooNarrow(),
            bodyLate(REQUEST_TIMEOUT_SECONDS),
            bodyTooLarge(),
            notJson(),
            internalError(),
            storeUnavailable(),
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
            badName,
            tokenMissing(),
            scopeTooNarrow(),
            unknownUser(),
            internalError(),
            storeUnavailable(),
          ),
        },
      },
    },
  },
}
