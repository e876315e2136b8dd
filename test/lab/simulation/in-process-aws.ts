import { AutoScalingClient } from '@aws-sdk/client-auto-scaling'
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch'
import { EC2Client } from '@aws-sdk/client-ec2'
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2'
import { SSMClient } from '@aws-sdk/client-ssm'
import type { Aws } from '../../../scripts/lib/aws/clients.ts'
import type { ControlPlane } from '../aws-double/control-plane.ts'
import { ApiError } from '../aws-double/errors.ts'
import { accountJson } from '../aws-double/wire/account.ts'
import { autoScaling } from '../aws-double/wire/autoscaling.ts'
import { elb } from '../aws-double/wire/elb.ts'
import { cloudwatch, ssm } from '../aws-double/wire/json.ts'
import { Query } from '../aws-double/wire/query.ts'

type Output = Record<string, unknown>

/** Wraps each call: may throw instead of making it, or after making it, as if the answer were lost. */
export type Faults = (action: string, call: () => Output) => Promise<Output>

/**
 * The SDK's clients without a network: commands go to the double in this process. Auto Scaling, ELB, CloudWatch and SSM
 * use the double's own actions; EC2's answers are built here, since its wire format has other names than the SDK.
 */
export function inProcessAws(plane: ControlPlane, faults: Faults): Aws {
  const clientOf = (prototype: object, actions: (action: string, input: Output) => Output) =>
    Object.assign(Object.create(prototype), {
      send: async (command: { input: Output; constructor: { name: string } }) => {
        const action = command.constructor.name.replace(/Command\d*$/, '')
        return await faults(action, () => actions(action, command.input))
      },
    })
  const byQuery =
    (actions: typeof autoScaling) =>
    (action: string, input: Output): Output =>
      actions[action]?.(plane, new Query(formOf(action, input))) as Output
  return {
    autoScaling: clientOf(AutoScalingClient.prototype, byQuery(autoScaling)),
    elb: clientOf(ElasticLoadBalancingV2Client.prototype, byQuery(elb)),
    cloudwatch: clientOf(
      CloudWatchClient.prototype,
      (action, input) => cloudwatch[action]?.(plane, input as never) as Output,
    ),
    ec2: clientOf(EC2Client.prototype, (action, input) => ec2(plane, action, input)),
    ssm: clientOf(
      SSMClient.prototype,
      (action, input) => (ssm[action] ?? accountJson[action])?.(plane, input) as Output,
    ),
    sts: clientOf({}, () => ({})),
  } as Aws
}

/** A command's input, encoded for AWS's Query protocol. */
function formOf(action: string, input: Output): URLSearchParams {
  const form = new URLSearchParams({ Action: action })
  const put = (path: string, value: unknown): void => {
    if (value === undefined) return
    if (Array.isArray(value)) {
      for (const [index, each] of value.entries()) put(`${path}.member.${index + 1}`, each)
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, each] of Object.entries(value)) put(path ? `${path}.${name}` : name, each)
    } else form.set(path, String(value))
  }
  put('', input)
  return form
}

function ec2(plane: ControlPlane, action: string, input: Output): Output {
  switch (action) {
    case 'DescribeInstances':
      return {
        Reservations: plane.instances.map(({ id, imageId, privateIp, launchedAt, tags }) => ({
          Instances: [
            {
              InstanceId: id,
              ImageId: imageId,
              PrivateIpAddress: privateIp,
              LaunchTime: new Date(launchedAt),
              Tags: tagsOf(tags),
            },
          ],
        })),
      }
    case 'DescribeImages': {
      const [id = ''] = (input.ImageIds ?? []) as string[]
      const image = plane.images.get(id)
      if (!image) throw new ApiError('InvalidAMIID.NotFound', `no image ${id}`)
      return {
        Images: [
          {
            ImageId: id,
            State: 'available',
            Architecture: image.architecture,
            Tags: tagsOf(image.tags),
          },
        ],
      }
    }
    case 'DescribeLaunchTemplateVersions': {
      const wanted = input.Versions as string[] | undefined
      return {
        LaunchTemplateVersions: plane.template.versions.flatMap(({ imageId, tags }, index) =>
          wanted && !wanted.includes(String(index + 1))
            ? []
            : [
                {
                  VersionNumber: index + 1,
                  LaunchTemplateData: {
                    ImageId: imageId,
                    TagSpecifications: [{ ResourceType: 'instance', Tags: tagsOf(tags) }],
                  },
                },
              ],
        ),
      }
    }
    default:
      throw new Error(`the simulation does not support ${action}`)
  }
}

const tagsOf = (tags: Record<string, string>): { Key: string; Value: string }[] =>
  Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
