/** Restores in ministack's responses what an EC2 create call set and ministack dropped. */
export function completedAnswers(): (body: string, xml: string) => string {
  const said = new Map<string, URLSearchParams>()
  return (body, xml) => {
    const query = new URLSearchParams(body)
    const action = query.get('Action') ?? ''
    if (/^Create(FlowLogs|VpcEndpoint)$/.test(action)) said.set(action, query)
    switch (action) {
      case 'DescribeFlowLogs':
        return xml.replace('<tagSet/>', flowLog(said.get('CreateFlowLogs')))
      case 'DescribeVpcEndpoints':
        return xml.replaceAll(
          '<vpcEndpointType>Interface</vpcEndpointType>',
          `$&${endpoint(said.get('CreateVpcEndpoint'))}`,
        )
      case 'DescribeLaunchTemplateVersions':
        return xml.replace(
          /<groupSet><item>(sg-\w+)<\/item>/,
          '<deleteOnTermination>true</deleteOnTermination><groupSet><groupId>$1</groupId>',
        )
      default:
        return xml
    }
  }
}

function flowLog(query: URLSearchParams | undefined): string {
  const tags = [1, 2, 3].map((n) => {
    const tag = `TagSpecification.1.Tag.${n}`
    return `<item><key>${query?.get(`${tag}.Key`)}</key><value>${query?.get(`${tag}.Value`)}</value></item>`
  })
  return `<deliverLogsPermissionArn>${query?.get('DeliverLogsPermissionArn')}</deliverLogsPermissionArn><maxAggregationInterval>${query?.get('MaxAggregationInterval')}</maxAggregationInterval><tagSet>${tags.join('')}</tagSet>`
}

/** Those of all endpoints are the same. */
function endpoint(query: URLSearchParams | undefined): string {
  const policy = Bun.escapeHTML(query?.get('PolicyDocument') ?? '')
  return `<privateDnsEnabled>true</privateDnsEnabled><policyDocument>${policy}</policyDocument><groupSet><item><groupId>${query?.get('SecurityGroupId.1')}</groupId></item></groupSet>`
}
