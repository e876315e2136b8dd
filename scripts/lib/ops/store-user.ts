import {
  DescribeUsersCommand as DescribeElastiCacheUsersCommand,
  ElastiCacheClient,
  ModifyUserCommand,
} from '@aws-sdk/client-elasticache'
import { DescribeUsersCommand, MemoryDBClient, UpdateUserCommand } from '@aws-sdk/client-memorydb'
import { clientOptions } from '../aws/clients.ts'
import { unless } from '../aws/errors.ts'
import { pause } from '../aws/retry.ts'
import { EXIT, Stop } from '../cli/errors.ts'
import type { Ops } from './settings.ts'

/** The user with which the service logs in to its store, in MemoryDB or ElastiCache. */
export interface StoreUser {
  engine: string
  /** Sets the passwords that it has from now on, one or two; resolves when the store knows them. */
  setPasswords(passwords: string[]): Promise<void>
}

interface Found {
  Status?: string | undefined
  Authentication?: { PasswordCount?: number | undefined } | undefined
}

/** The user of the store that belongs to the group, in whichever engine it is. Throws `Stop` when there is none. */
export async function findStoreUser(
  ops: Pick<Ops, 'group' | 'pollMs' | 'timeoutMs' | 'signal'>,
  region: string | undefined,
): Promise<StoreUser> {
  const { group } = ops
  const memoryDb = new MemoryDBClient(clientOptions(region))
  const elastiCache = new ElastiCacheClient(clientOptions(region))
  const engines = {
    MemoryDB: {
      find: async () => {
        const command = new DescribeUsersCommand({ UserName: group })
        return (await memoryDb.send(command).catch(unless('UserNotFoundFault')))?.Users?.[0]
      },
      set: (Passwords: string[]) => {
        const AuthenticationMode = { Type: 'password' as const, Passwords }
        return memoryDb.send(new UpdateUserCommand({ UserName: group, AuthenticationMode }))
      },
    },
    ElastiCache: {
      find: async () => {
        const command = new DescribeElastiCacheUsersCommand({ UserId: group })
        return (await elastiCache.send(command).catch(unless('UserNotFoundFault')))?.Users?.[0]
      },
      set: (Passwords: string[]) => {
        const AuthenticationMode = { Type: 'password' as const, Passwords }
        return elastiCache.send(new ModifyUserCommand({ UserId: group, AuthenticationMode }))
      },
    },
  }
  for (const [engine, { find, set }] of Object.entries(engines)) {
    if (!(await find())) continue
    return {
      engine,
      async setPasswords(passwords) {
        await settled(ops, find)
        await set(passwords)
        const { Authentication } = await settled(ops, find)
        if (Authentication?.PasswordCount === passwords.length) return
        const count = Authentication?.PasswordCount
        throw new Stop(
          `the user ${group} of ${engine} has ${count} passwords instead of ${passwords.length}: somebody else has changed it meanwhile`,
          EXIT.failed,
        )
      },
    }
  }
  throw new Stop(
    `there is no user ${group} in MemoryDB or ElastiCache: check --environment and --region`,
  )
}

/** The user once the store has taken up the last change to it. */
async function settled(
  { group, pollMs, timeoutMs, signal }: Pick<Ops, 'group' | 'pollMs' | 'timeoutMs' | 'signal'>,
  find: () => Promise<Found | undefined>,
): Promise<Found> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const user = await find()
    if (user?.Status === 'active') return user
    if (signal.aborted) throw new Stop('interrupted', EXIT.interrupted)
    if (Date.now() > deadline)
      throw new Stop(`the store's user ${group} is still ${user?.Status ?? 'gone'}`, EXIT.timedOut)
    await pause(pollMs, signal)
  }
}
