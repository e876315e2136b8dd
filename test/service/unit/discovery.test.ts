import { expect, test } from 'bun:test'
import { isAllowed } from '../../../src/discovery/discovery.ts'
import { createEtcdClient } from '../../../src/discovery/etcd.ts'

test.each([
  ['store.example.com', ['store.example.com'], true],
  ['Store.Example.com', ['store.example.com'], true],
  ['a.store.example.com', ['*.store.example.com'], true],
  ['store.example.com', ['*.store.example.com'], false],
  ['evilstore.example.com', ['*.store.example.com', 'store.example.com'], false],
  ['store.example.com.evil', ['*.example.com', 'store.example.com'], false],
  ['10.0.0.1', ['10.0.0.1'], true],
  ['anything', undefined, true],
] as const)('the host %s, where %j are allowed: %p', (host, hosts, allowed) => {
  expect(isAllowed(host, hosts)).toBe(allowed)
})

test('etcd gets the password, and no host that it redirects to; an empty value is one', async () => {
  const asked: string[] = []
  using other = Bun.serve({
    port: 0,
    async fetch(request) {
      asked.push(new URL(request.url).pathname)
      return Response.json({ token: 'token', kvs: [{ key: 'a2V5' }] })
    },
  })
  using redirecting = Bun.serve({
    port: 0,
    fetch: ({ url }) => Response.redirect(`${other.url.origin}${new URL(url).pathname}`, 307),
  })
  const client = (server: typeof other) =>
    createEtcdClient({ endpoints: [server.url.origin], username: 'app', password: 'hunter2' })
  await expect(client(redirecting).get('key')).rejects.toThrow(
    `etcd at ${redirecting.url.origin}: 307`,
  )
  expect(asked).toEqual([])
  expect(await client(other).get('key')).toBe('')
})
