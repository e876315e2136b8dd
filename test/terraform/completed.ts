/** Restores in ministack's responses what an EC2 create call set and ministack dropped. */
export function completedAnswers(): (body: string, xml: string) => string {
  const said = new Map<string, URLSearchParams>()
  return (body, xml) => {
    const query = new URLSearchParams(body)
    const action = query.get('Action') ?? ''
    // Each rule is created by its own call; the one to the prefix list is recognized by the list.
    const list = query.get('IpPermissions.1.PrefixListIds.1.PrefixListId')
    if (/^Create(FlowLogs|VpcEndpoint)$/.test(action) && query.get('VpcEndpointType') !== 'Gateway')
      said.set(action, query)
    if (list) said.set('prefix list', query)
    switch (action) {
      case 'DescribeFlowLogs':
        return xml.replace('<tagSet/>', flowLog(said.get('CreateFlowLogs')))
      case 'DescribeVpcEndpoints':
        return xml.replaceAll(
          '<vpcEndpointType>Interface</vpcEndpointType>',
          `$&<privateDnsEnabled>true</privateDnsEnabled><groupSet><item><groupId>${said.get('CreateVpcEndpoint')?.get('SecurityGroupId.1')}</groupId></item></groupSet>`,
        )
      case 'DescribeSecurityGroupRules':
        return xml.replaceAll(/<item><securityGroupRuleId>.*?<\/securityGroupRuleArn>/gs, (rule) =>
          /cidrIpv4|referencedGroupInfo/.test(rule)
            ? rule
            : rule.replace('<securityGroupRuleArn>', `${toPrefixList(said.get('prefix list'))}$&`),
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

function toPrefixList(query: URLSearchParams | undefined): string {
  const list = 'IpPermissions.1.PrefixListIds.1'
  return `<prefixListId>${query?.get(`${list}.PrefixListId`)}</prefixListId><description>${query?.get(`${list}.Description`)}</description>`
}
