import { afterAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { name } from '../../../package.json'
import { root } from '../../../scripts/lib/service.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'
import { HOP_LIMIT, MetadataService } from '../../lab/support/metadata-service.ts'
import { openCloud } from './cloud.ts'

const INSTANCE = {
  id: 'i-0123456789abcdef0',
  imageId: 'ami-0123456789abcdef0',
  zone: 'eu-west-1b',
  userData: '#!/bin/sh\necho hi\n',
}
const TTL = 'X-aws-ec2-metadata-token-ttl-seconds'

describe('the double of the metadata service', () => {
  let now = 0
  const service = new MetadataService(() => now)
  const url = service.start('127.0.0.1', 0)
  service.describe('127.0.0.1', INSTANCE)
  afterAll(() => service.stop())

  const put = (headers: Record<string, string>) =>
    fetch(`${url}/latest/api/token`, { method: 'PUT', headers })
  const get = async (path: string, token?: string) => {
    const headers: Record<string, string> = token ? { 'X-aws-ec2-metadata-token': token } : {}
    const response = await fetch(`${url}${path}`, { headers })
    return { status: response.status, body: await response.text() }
  }
  const token = async (seconds = '60') => (await put({ [TTL]: seconds })).text()

  test('tells nothing without a token, with a wrong one, or with an old one', async () => {
    const short = await token('1')
    expect((await get('/latest/meta-data/instance-id', short)).status).toBe(200)
    expect((await get('/latest/meta-data/instance-id')).status).toBe(401)
    expect((await get('/latest/user-data', 'AAAA')).status).toBe(401)
    now += 1000
    expect((await get('/latest/meta-data/instance-id', short)).status).toBe(401)
  })

  test('issues tokens for 1 to 21600 seconds, and none through a proxy', async () => {
    for (const seconds of ['1', '21600']) expect((await put({ [TTL]: seconds })).status).toBe(200)
    for (const seconds of ['0', '21601', 'many', ''])
      expect((await put({ [TTL]: seconds })).status).toBe(400)
    expect((await put({})).status).toBe(400)
    expect((await put({ [TTL]: '60', 'X-Forwarded-For': '192.0.2.1' })).status).toBe(403)
  })

  test('describes the instance, in each version that cloud-init asks for', async () => {
    const valid = await token()
    for (const version of ['2009-04-04', '2021-03-23', 'latest']) {
      expect(await get(`/${version}/meta-data/instance-id`, valid)).toEqual({
        status: 200,
        body: INSTANCE.id,
      })
      expect((await get(`/${version}/user-data`, valid)).body).toBe(INSTANCE.userData)
    }
    const listed = (await get('/latest/meta-data/', valid)).body.split('\n')
    expect(listed).toContain('instance-id')
    expect(listed).toContain('placement/')
    const document = await get('/latest/dynamic/instance-identity/document', valid)
    expect(JSON.parse(document.body)).toMatchObject({ region: 'eu-west-1' })
    for (const path of ['/latest/meta-data/public-keys/', '/latest/meta-data/tags/', '/1.0/'])
      expect((await get(path, valid)).status).toBe(404)
  })

  const notRoot = process.getuid?.() === 0 ? undefined : 'network namespaces need root'
  sayWhatIsLeftOut('the hop limit of the metadata service', notRoot)
  test.skipIf(notRoot !== undefined)(
    'reaches an instance, but no container behind it, unless the hop limit is higher',
    async () => {
      const address = '192.0.2.11'
      const behind = '198.51.100.2'
      await using cloud = await openCloud({ [address]: INSTANCE, [behind]: INSTANCE })
      const { namespace, bridge } = cloud.instance(address).network
      const metadata = namespace.replace('/run/netns/', '')
      const instance = `${name}-instance-${process.pid}`
      const container = `${name}-container-${process.pid}`
      const ask = async (from: string) =>
        await $`ip netns exec ${from} curl --silent --max-time 1 --request PUT --header ${`${TTL}: 60`} http://169.254.169.254/latest/api/token`
          .nothrow()
          .quiet()
      try {
        // The instance forwards, and answers for the container's address.
        const wiring = `set -e
          ip netns add ${instance}; ip netns add ${container}
          ip -n ${metadata} link add veth0 type veth peer name eth0 netns ${instance}
          ip -n ${metadata} link set veth0 master ${bridge} up
          ip -n ${instance} link add inner type veth peer name eth0 netns ${container}
          ip -n ${instance} address add ${address}/24 dev eth0
          ip -n ${instance} address add 198.51.100.1/24 dev inner
          ip -n ${instance} link set eth0 up; ip -n ${instance} link set inner up
          ip -n ${instance} route add 169.254.169.254 dev eth0
          ip -n ${container} address add ${behind}/24 dev eth0
          ip -n ${container} link set eth0 up
          ip -n ${container} route add default via 198.51.100.1
          ip netns exec ${instance} tee /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/eth0/proxy_arp <<<1`
        await $`bash -c ${wiring}`.quiet()
        expect((await ask(instance)).exitCode).toBe(0)
        expect((await ask(container)).exitCode).toBe(28)
        await $`ip -n ${metadata} route change default dev ${bridge} table 169 hoplimit ${HOP_LIMIT + 1}`
        expect((await ask(container)).exitCode).toBe(0)
      } finally {
        await $`ip netns del ${container}; ip netns del ${instance}`.nothrow().quiet()
      }
    },
  )

  test('has the hop limit of the launch template', () => {
    const group = readFileSync(join(root, 'terraform/group.tf'), 'utf8')
    expect(group).toContain(`http_put_response_hop_limit = ${HOP_LIMIT}\n`)
    expect(group).toMatch(/http_tokens +\s*= "required"/)
  })
})
