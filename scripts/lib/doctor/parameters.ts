import { DescribeParametersCommand } from '@aws-sdk/client-ssm'
import { type Finding, problem, problemsOr, unknown } from '../verify/finding.ts'
import type { Environment } from './environment.ts'

/** Whether the secrets that an instance looks up at boot are there. Their values are not read. */
export async function checkParameters({ aws, userData }: Environment): Promise<Finding[]> {
  const names = [...(await userData()).matchAll(/=ssm:(\/\S+)$/gm)].map(([, name = '']) => name)
  if (names.length === 0) return [unknown('the user data of the instances names no parameter')]
  const { Parameters = [] } = await aws.ssm.send(
    new DescribeParametersCommand({
      ParameterFilters: [{ Key: 'Name', Option: 'Equals', Values: names }],
    }),
  )
  const problems = names.flatMap((name) => {
    const found = Parameters.find(({ Name }) => Name === name)
    if (!found) {
      return [
        problem(
          `the parameter ${name} does not exist: an instance that boots now cannot start`,
          "create it with 'scripts/secrets'; the old tokens stop working",
        ),
      ]
    }
    if (found.Type === 'SecureString') return []
    return [
      problem(
        `the parameter ${name} is a ${found.Type}, not encrypted`,
        'store it again as a SecureString',
      ),
    ]
  })
  return problemsOr(problems, `${names.join(' and ')} exist`)
}
