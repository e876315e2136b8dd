import { expect, test } from 'bun:test'
import { EXAMPLE } from '../../../../src/domain/terms.ts'
import { expectProblem, put, testApp } from '../../../lab/support/app.ts'

test('a note is saved, read and deleted', async () => {
  const app = testApp()
  expect((await app.request(EXAMPLE.path, put(EXAMPLE.body))).status).toBe(204)
  expect(await (await app.request(EXAMPLE.path)).text()).toBe(EXAMPLE.body)
  expect((await app.request(EXAMPLE.path, { method: 'DELETE' })).status).toBe(204)
  await expectProblem(await app.request(EXAMPLE.path), 404, 'unknown-note')
})

test.each(['Upper', '1st', 'a%2Fb', 'x'.repeat(65)])('the title %s is refused', async (title) => {
  await expectProblem(await testApp().request(`/notes/${title}`), 400, 'invalid-title')
})
