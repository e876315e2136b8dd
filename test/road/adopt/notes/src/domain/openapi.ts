import { REQUEST_TIMEOUT_SECONDS } from '../config/timeouts.ts'
import { scopeTooNarrow, tokenMissing } from '../http/authorize.ts'
import { bodyLate, bodyTooLarge, malformedJson, notJson } from '../http/body.ts'
import { internalError, storeUnavailable } from '../http/errors.ts'
import { json, jsonSchema, problems, ref } from '../http/openapi.ts'
import { invalidNote, invalidTitle, unknownNote } from './routes.ts'
import { Note, Title } from './schemas.ts'

const tags = ['Notes']
const read = [{}, { token: ['read'] }]
const write = [{}, { token: ['write'] }]
const badTitle = invalidTitle([{ parameter: 'title', detail: 'lower-case letters' }])
const badNote = invalidNote([{ pointer: '/text', detail: 'missing' }])
const always = [badTitle, tokenMissing(), internalError(), storeUnavailable()]

/** The part of the OpenAPI document that describes notes. */
export const domainApi = {
  description: 'Keeps notes.',
  tag: { name: 'Notes', description: 'Save, read, delete.' },
  schemas: { Note },
  paths: {
    '/notes/{title}': {
      parameters: [
        {
          name: 'title',
          in: 'path',
          required: true,
          schema: jsonSchema(Title),
          example: 'shopping',
        },
      ],
      get: {
        tags,
        operationId: 'readNote',
        summary: 'Read a note',
        security: read,
        responses: { 200: json('The note.', 'Note'), ...problems(...always, unknownNote()) },
      },
      put: {
        tags,
        operationId: 'saveNote',
        summary: 'Save or replace a note',
        security: write,
        requestBody: { required: true, content: { 'application/json': { schema: ref('Note') } } },
        responses: {
          204: { description: 'Saved.' },
          ...problems(
            ...always,
            badNote,
            malformedJson(),
            scopeTooNarrow(),
            bodyLate(REQUEST_TIMEOUT_SECONDS),
            bodyTooLarge(),
            notJson(),
          ),
        },
      },
      delete: {
        tags,
        operationId: 'deleteNote',
        summary: 'Delete a note',
        security: write,
        responses: {
          204: { description: 'Deleted.' },
          ...problems(...always, scopeTooNarrow(), unknownNote()),
        },
      },
    },
  },
}
