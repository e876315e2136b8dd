import { paginateListSubscriptionsByTopic, type Subscription } from '@aws-sdk/client-sns'
import { type Finding, ok, problem } from '../verify/finding.ts'
import { alarmTopics } from './alarms.ts'
import type { Environment } from './environment.ts'

/** Whether anybody hears of an alarm. */
export async function checkNotifications(environment: Environment): Promise<Finding[]> {
  const topics = await alarmTopics(environment)
  if (topics.length === 0) {
    return [problem('no alarm names a topic: nobody hears of any', 'run terraform apply')]
  }
  const found = await Promise.all(topics.map((topic) => checkTopic(environment, topic)))
  return found.flat()
}

async function checkTopic({ aws }: Environment, topic: string): Promise<Finding[]> {
  const name = topic.split(':').at(-1)
  const subscriptions: Subscription[] = []
  const pages = paginateListSubscriptionsByTopic({ client: aws.sns }, { TopicArn: topic })
  for await (const { Subscriptions = [] } of pages) subscriptions.push(...Subscriptions)
  // Instead of an ARN, one that is not confirmed has the word PendingConfirmation.
  const confirmed = subscriptions.filter(({ SubscriptionArn }) =>
    SubscriptionArn?.startsWith('arn:'),
  )
  const waiting = subscriptions.filter((each) => !confirmed.includes(each) && each.Endpoint)
  const problems = waiting.map(({ Endpoint, Protocol }) =>
    problem(
      `${Endpoint} (${Protocol}) has not confirmed that it wants to hear from ${name}`,
      "its owner must follow the link in the mail from AWS Notifications; if that has expired, run terraform apply -replace='aws_sns_topic_subscription.email[0]'",
    ),
  )
  if (confirmed.length > 0) {
    const who = confirmed.map(({ Endpoint }) => Endpoint).join(', ')
    return [ok(`${name} tells ${who}`), ...problems]
  }
  if (problems.length > 0) return problems
  return [
    problem(
      `nobody has subscribed to ${name}: alarms ring unheard`,
      'set alarm_email in terraform/production.auto.tfvars and apply, or subscribe to the topic',
    ),
  ]
}
