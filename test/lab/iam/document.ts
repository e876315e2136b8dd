/** An `aws_iam_policy_document` as Terraform holds it: its blocks, and the JSON of others that it includes. */
export interface Document {
  statement: Statement[] | null
  source_policy_documents: string[] | null
}

interface Statement {
  sid: string | null
  effect: string | null
  actions: string[] | null
  not_actions: string[] | null
  resources: string[] | null
  not_resources: string[] | null
  condition: { test: string; variable: string; values: string[] }[] | null
}

/** A policy as IAM takes it. */
export interface PolicyDocument {
  Version: '2012-10-17'
  Statement: PolicyStatement[]
}

export interface PolicyStatement {
  Sid?: string
  Effect: string
  Action?: string[]
  NotAction?: string[]
  Resource?: string[]
  NotResource?: string[]
  Condition?: Record<string, Record<string, string[]>>
}

/**
 * The policy of the document called `name`, as the provider's data source writes it (internal/service/iam,
 * policy_document_data_source.go): included documents come first, and `&{` stands for `${`.
 */
export function policyOf(name: string, documents: Record<string, Document>): PolicyDocument {
  const document = documents[name]
  if (!document) throw new Error(`there is no policy document called '${name}' in this root`)
  const included = (document.source_policy_documents ?? []).flatMap(
    (json) => policyOf(JSON.parse(json), documents).Statement,
  )
  return {
    Version: '2012-10-17',
    Statement: [...included, ...(document.statement ?? []).map(statementOf)],
  }
}

function statementOf(statement: Statement): PolicyStatement {
  const list = (values: string[] | null) => values?.map(variables)
  const condition: PolicyStatement['Condition'] = {}
  for (const { test, variable, values } of statement.condition ?? []) {
    condition[test] = { ...condition[test], [variable]: values.map(variables) }
  }
  return {
    ...(statement.sid && { Sid: statement.sid }),
    Effect: statement.effect ?? 'Allow',
    ...some('Action', statement.actions ?? undefined),
    ...some('NotAction', statement.not_actions ?? undefined),
    ...some('Resource', list(statement.resources)),
    ...some('NotResource', list(statement.not_resources)),
    ...(Object.keys(condition).length > 0 && { Condition: condition }),
  }
}

const some = (key: string, values: string[] | undefined) =>
  values && values.length > 0 ? { [key]: values } : {}

const variables = (text: string): string => text.replaceAll('&{', '${')
