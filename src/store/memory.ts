import type { KeyValueStore } from './key-value.ts'

/** A store in memory, for what must not outlive the process: warming up, and tests. */
export function createMemoryStore(): KeyValueStore {
  const records = new Map<string, string>()
  return {
    get: async (key) => records.get(key) ?? null,
    set: async (key, value) => void records.set(key, value),
    delete: async (key) => records.delete(key),
    ping: async () => {},
    close: async () => {},
  }
}
