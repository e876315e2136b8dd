/** What AWS's Query protocol carries: fields by name, lists as `member.N`. */
export interface Fields {
  [name: string]: Value
}
export type Value = string | Value[] | Fields

/** The parameters of a request as nested fields. */
export function parseQuery(body: string): Fields {
  const fields: Fields = {}
  for (const [key, value] of new URLSearchParams(body)) {
    const path = key.split('.')
    let at = fields
    for (const name of path.slice(0, -1)) {
      at[name] ??= {}
      at = at[name] as Fields
    }
    at[path.at(-1) as string] = value
  }
  return listsOf(fields) as Fields
}

function listsOf(value: Value): Value {
  if (typeof value === 'string' || Array.isArray(value)) return value
  if (typeof value.member === 'object') return Object.values(value.member).map(listsOf)
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, listsOf(each)]))
}

/** The response to `action` in the form that SDKs parse. */
export function answerXml(action: string, result: Fields): string {
  return `<${action}Response><${action}Result>${xml(result)}</${action}Result><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></${action}Response>`
}

function xml(value: Value): string {
  if (typeof value === 'string') return Bun.escapeHTML(value)
  if (Array.isArray(value)) return value.map((each) => `<member>${xml(each)}</member>`).join('')
  return Object.entries(value)
    .map(([name, each]) => `<${name}>${xml(each)}</${name}>`)
    .join('')
}
