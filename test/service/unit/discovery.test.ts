import { expect, test } from 'bun:test'
import { isAllowed } from '../../../src/discovery/discovery.ts'

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
