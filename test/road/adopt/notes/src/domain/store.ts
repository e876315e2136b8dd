import { name } from '../../package.json'
import type { KeyValueStore } from '../store/key-value.ts'

/** Where notes are kept. */
export interface Store {
  noteOf(title: string): Promise<string | null>
  saveNote(title: string, text: string): Promise<void>
  /** True when there was something to delete. */
  deleteNote(title: string): Promise<boolean>
  ping(): Promise<void>
  close(): Promise<void>
}

/** What is counted: first what reads, then what saves. */
export const OPERATIONS = ['noteOf', 'saveNote', 'deleteNote', 'ping'] as const

const PREFIX = `${name}:v1:`

/** What notes are in a key-value store. */
export const RECORDS = {
  prefix: PREFIX,
  isValid: (key: string, value: string) => key.startsWith(PREFIX) && value !== '',
}

export function storeIn(records: KeyValueStore): Store {
  return {
    noteOf: (title) => records.get(PREFIX + title),
    saveNote: (title, text) => records.set(PREFIX + title, text),
    deleteNote: (title) => records.delete(PREFIX + title),
    ping: records.ping,
    close: records.close,
  }
}
