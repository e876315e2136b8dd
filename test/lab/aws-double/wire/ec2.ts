import { accountOf } from '../account.ts'
import type { ControlPlane } from '../control-plane.ts'
import { ApiError } from '../errors.ts'
import type { Image, Instance } from '../model.ts'
import { ACCOUNT } from '../names.ts'
import { pageOf, type Query, tagList, time, type Xml } from './query.ts'

type Action = (plane: ControlPlane, query: Query) => Xml

const STATE_CODES = { pending: 0, running: 16, 'shutting-down': 32, terminated: 48 }

/** The actions of EC2 (2016-11-15) that the scripts use. */
export const ec2: Record<string, Action> = {
  CreateLaunchTemplateVersion: (plane, query) => {
    templateOf(plane, query)
    const tags = query
      .items('LaunchTemplateData.TagSpecification.1.Tag')
      .map((prefix) => [query.text(`${prefix}.Key`), query.text(`${prefix}.Value`)])
    const number = plane.addVersion({
      imageId: query.text('LaunchTemplateData.ImageId') ?? '',
      userData: atob(query.text('LaunchTemplateData.UserData') ?? ''),
      tags: Object.fromEntries(tags),
      description: query.text('VersionDescription') ?? '',
    })
    return { launchTemplateVersion: versionOf(plane, number) }
  },

  // Its snapshots stay.
  DeregisterImage: (plane, query) => {
    const id = query.text('ImageId') ?? ''
    if (!plane.images.delete(id)) throw noImage(id)
    return { return: true }
  },

  DeleteSnapshot: (plane, query) => {
    const id = query.text('SnapshotId') ?? ''
    const user = [...plane.images.values()].find(({ snapshots = [] }) => snapshots.includes(id))
    if (user) {
      throw new ApiError('InvalidSnapshot.InUse', `The snapshot ${id} is in use by ${user.id}`)
    }
    if (!accountOf(plane).snapshots.delete(id)) {
      throw new ApiError('InvalidSnapshot.NotFound', `The snapshot '${id}' does not exist.`)
    }
    return { return: true }
  },

  DescribeImages: (plane, query) => {
    const ids = query.list('ImageId')
    for (const id of ids) if (!plane.images.has(id)) throw noImage(id)
    const chosen = [...plane.images.values()].filter(
      (image) =>
        (ids.length === 0 || ids.includes(image.id)) &&
        passes(query, image.tags, { name: image.name, architecture: image.architecture }),
    )
    const { entries, nextToken } = page(plane, query, chosen)
    return { imagesSet: entries.map(imageOf), nextToken }
  },

  DescribeInstances: (plane, query) => {
    const ids = query.list('InstanceId')
    for (const id of ids) {
      if (!plane.machines.instances.has(id)) {
        throw new ApiError('InvalidInstanceID.NotFound', `The instance ID '${id}' does not exist`)
      }
    }
    const chosen = plane.instances.filter(
      (instance) =>
        (ids.length === 0 || ids.includes(instance.id)) &&
        passes(query, instance.tags, { 'instance-state-name': stateOf(instance) }),
    )
    const { entries, nextToken } = page(plane, query, chosen)
    return {
      reservationSet: entries.map((instance) => ({
        reservationId: `r-${instance.id.slice(2)}`,
        instancesSet: [instanceOf(plane, instance)],
      })),
      nextToken,
    }
  },

  DescribeLaunchTemplateVersions: (plane, query) => {
    const { id, versions } = templateOf(plane, query)
    const numbers = query.list('LaunchTemplateVersion')
    for (const number of numbers) {
      if (/^\d+$/.test(number) && !versions[Number(number) - 1]) {
        throw new ApiError(
          'InvalidLaunchTemplateId.VersionNotFound',
          `Could not find the specified version ${number} for the launch template with ID ${id}.`,
        )
      }
    }
    const wanted = (number: number): boolean =>
      numbers.length === 0 ||
      numbers.includes(String(number)) ||
      (numbers.includes('$Latest') && number === versions.length)
    const chosen = versions
      .map((_, index) => index + 1)
      .filter(wanted)
      .reverse()
    const { entries, nextToken } = page(plane, query, chosen)
    return {
      launchTemplateVersionSet: entries.map((number) => versionOf(plane, number)),
      nextToken,
    }
  },
}

const noImage = (id: string): ApiError =>
  new ApiError('InvalidAMIID.NotFound', `The image id '[${id}]' does not exist`)

function templateOf(plane: ControlPlane, query: Query): ControlPlane['template'] {
  const { id, name } = plane.template
  const asked = query.text('LaunchTemplateId') ?? query.text('LaunchTemplateName')
  if (asked !== id && asked !== name) {
    throw new ApiError(
      'InvalidLaunchTemplateId.NotFound',
      `The specified launch template, with template ID ${asked}, does not exist.`,
    )
  }
  return plane.template
}

function page<T>(plane: ControlPlane, query: Query, all: T[]) {
  const asked = query.number('MaxResults') ?? all.length
  const { entries, next } = pageOf(all, asked, plane.pageSize, query.text('NextToken'))
  return { entries, nextToken: next }
}

/** Whether the request's filters on tags and on these fields match; other filters are not modelled. */
function passes(
  query: Query,
  tags: Record<string, string>,
  fields: Record<string, string>,
): boolean {
  return [...query.filters()].every(([name, values]) => {
    const actual = name.startsWith('tag:') ? tags[name.slice(4)] : fields[name]
    if (name === 'state') return values.includes('available')
    return actual !== undefined && values.includes(actual)
  })
}

function stateOf(instance: Instance): keyof typeof STATE_CODES {
  if (instance.lifecycle === 'Terminated') return 'terminated'
  if (instance.lifecycle === 'Terminating' && instance.target.state !== 'draining')
    return 'shutting-down'
  return instance.privateIp === undefined ? 'pending' : 'running'
}

function imageOf(image: Image): Xml {
  return {
    imageId: image.id,
    name: image.name,
    imageState: image.state ?? 'available',
    architecture: image.architecture,
    creationDate: new Date(image.createdAt).toISOString(),
    imageOwnerId: ACCOUNT,
    blockDeviceMapping: (image.snapshots ?? []).map((snapshotId) => ({ ebs: { snapshotId } })),
    tagSet: tagList(image.tags, 'key', 'value'),
  }
}

function instanceOf(plane: ControlPlane, instance: Instance): Xml {
  const state = stateOf(instance)
  return {
    instanceId: instance.id,
    imageId: instance.imageId,
    instanceState: { code: STATE_CODES[state], name: state },
    instanceType: 't4g.small',
    cpuOptions: { coreCount: 2, threadsPerCore: 1 },
    launchTime: time(instance.launchedAt),
    placement: { availabilityZone: instance.zone },
    privateIpAddress: instance.privateIp,
    ipAddress: accountOf(plane).publicAddresses ? '203.0.113.1' : undefined,
    tagSet: tagList(
      {
        ...instance.tags,
        'aws:ec2launchtemplate:id': plane.template.id,
        'aws:ec2launchtemplate:version': String(instance.version),
      },
      'key',
      'value',
    ),
  }
}

function versionOf(plane: ControlPlane, number: number): Xml {
  const { id, name, versions } = plane.template
  const version = versions[number - 1]
  if (!version) return {}
  return {
    launchTemplateId: id,
    launchTemplateName: name,
    versionNumber: number,
    versionDescription: version.description,
    createTime: time(version.createdAt),
    defaultVersion: number === 1,
    launchTemplateData: {
      imageId: version.imageId,
      userData: btoa(version.userData),
      tagSpecificationSet: [
        { resourceType: 'instance', tagSet: tagList(version.tags, 'key', 'value') },
      ],
    },
  }
}
