import { afterAll, describe, expect, spyOn, test } from 'bun:test'
import { tracingChannel } from 'node:diagnostics_channel'
import { name } from '../../../package.json'
import { startCluster, startRedis, startSentinelGroup } from '../../lab/support/redis.ts'
import { redisStore } from '../../lab/support/store.ts'
import { makeCertificate } from '../../lab/support/tls.ts'
import { keepsTheContract, keyOf } from './contract.ts'

const stack = new AsyncDisposableStack()
afterAll(() => stack.disposeAsync())

describe('Redis', () => {
  keepsTheContract(async () => {
    const server = stack.use(await startRedis())
    const store = await redisStore(server.endpoint)
    stack.defer(() => store.close())
    return store
  })

  test('a value of another type is an error that names the key, and fails nothing else of its batch', async () => {
    await using server = await startRedis()
    const store = await redisStore(server.endpoint)
    await server.client.lpush(keyOf('Ada'), 'x')
    await store.set(keyOf('Alan'), 'value')
    const keys = ['Grace', 'Ada', 'Alan'].map(keyOf)
    const [grace, ada, alan] = await Promise.allSettled(keys.map((key) => store.get(key)))
    expect(grace).toMatchObject({ value: null })
    expect(String((ada as PromiseRejectedResult).reason)).toContain(keyOf('Ada'))
    expect(alan).toMatchObject({ value: 'value' })
    await store.close()
  })

  test('no command is traced, since nobody would read it', async () => {
    await using server = await startRedis()
    using trace = spyOn(Object.getPrototypeOf(tracingChannel(name)), 'tracePromise')
    const store = await redisStore(server.endpoint)
    await store.set(keyOf('Ada'), 'value')
    expect(trace).not.toHaveBeenCalled()
    await store.close()
  })
})

describe('Redis with TLS, user and password', () => {
  keepsTheContract(async () => {
    const certificate = stack.use(makeCertificate())
    const server = stack.use(
      await startRedis(
        [
          ...['--port', '0', '--tls-auth-clients', 'no'],
          ...['--tls-cert-file', certificate.certFile, '--tls-key-file', certificate.keyFile],
          ...['--user', 'default', 'off', '--user', name, 'on', '>s3cret', `~${name}:*`, '+@all'],
        ],
        {
          portOption: '--tls-port',
          tls: { ca: certificate.pem },
          username: name,
          password: 's3cret',
        },
      ),
    )
    const store = await redisStore(server.endpoint, {
      tls: true,
      tlsCaFile: certificate.certFile,
      username: name,
      password: 's3cret',
    })
    stack.defer(() => store.close())
    return store
  })
})

describe('Redis Sentinel, waiting for a replica', () => {
  keepsTheContract(async () => {
    const group = stack.use(await startSentinelGroup())
    const store = await redisStore(group.endpoint, { mode: 'sentinel', waitReplicas: 1 })
    stack.defer(() => store.close())
    return store
  })
})

describe('Redis Cluster', () => {
  keepsTheContract(async () => {
    const cluster = stack.use(await startCluster())
    const store = await redisStore(cluster.endpoint, { mode: 'cluster' })
    stack.defer(() => store.close())
    return store
  })
})

describe('Redis Cluster, waiting for a replica', () => {
  keepsTheContract(async () => {
    const cluster = stack.use(await startCluster())
    const store = await redisStore(cluster.endpoint, { mode: 'cluster', waitReplicas: 1 })
    stack.defer(() => store.close())
    return store
  })
})
