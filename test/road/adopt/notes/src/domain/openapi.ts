import { json, jsonSchema, problems, ref } from '../http/openapi.ts'
import { Note, Title } from './schemas.ts'

const tags = ['Notes']
const read = [{}, { token: ['read'] }]
const write = [{}, { token: ['write'] }]
const always = ['invalid-title', 'unauthorized', 'internal-error', 'store-unavailable'] as const

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
        responses: { 200: json('The note.', 'Note'), ...problems(...always, 'unknown-note') },
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
            'invalid-note',
            'forbidden',
            'request-timeout',
            'body-too-large',
            'unsupported-media-type',
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
          ...problems(...always, 'forbidden', 'unknown-note'),
        },
      },
    },
  },
}
