import { resolve } from 'node:path'

/** The root folder of this repository. */
export const root = resolve(import.meta.dir, '../..')
