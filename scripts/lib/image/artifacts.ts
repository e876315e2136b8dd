import { service } from '../service.ts'

/** The name of the executable for an architecture, in dist and in statements, as scripts/build has it. */
export const executableName = (arch: string): string => `${service.name}-linux-${arch}`

/** The name of its bill of materials there. */
export const sbomName = (arch: string): string => `${executableName(arch)}.cdx.json`
