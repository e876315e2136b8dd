/** A Query protocol request: `Preferences.CheckpointPercentages.member.1=50` read by path. */
export class Query {
  constructor(private readonly form: URLSearchParams) {}

  get action(): string {
    return this.form.get('Action') ?? ''
  }

  text(path: string): string | undefined {
    return this.form.get(path) ?? undefined
  }

  number(path: string): number | undefined {
    const text = this.form.get(path)
    return text === null ? undefined : Number(text)
  }

  flag(path: string): boolean {
    return this.form.get(path) === 'true'
  }

  /** `Ids.member.1`, `Ids.member.2`…, or `InstanceId.1`, `InstanceId.2`… as EC2 writes lists. */
  list(path: string): string[] {
    return this.items(path).map((prefix) => this.form.get(prefix) as string)
  }

  /** The path prefixes of a list of structures: `Tags.member.1`, `Tags.member.2`… */
  items(path: string): string[] {
    const pattern = new RegExp(`^(${RegExp.escape(path)}(?:\\.member)?\\.\\d+)(?:\\.|$)`)
    const found = new Set<string>()
    for (const key of this.form.keys()) {
      const prefix = pattern.exec(key)?.[1]
      if (prefix) found.add(prefix)
    }
    return [...found]
  }

  /** EC2's filters: name to accepted values. */
  filters(): Map<string, string[]> {
    return new Map(
      this.items('Filter').map((prefix) => [
        this.text(`${prefix}.Name`) ?? '',
        this.list(`${prefix}.Value`),
      ]),
    )
  }
}

/**
 * One page of `all`, and the token of the next if there is one: at most `asked` entries, and at most `most`, as AWS may
 * answer with fewer than asked for.
 */
export function pageOf<T>(
  all: T[],
  asked: number,
  most: number,
  token: string | undefined,
): { entries: T[]; next: string | undefined } {
  const start = Number(token ?? 0)
  const end = start + Math.min(asked, most)
  return { entries: all.slice(start, end), next: end < all.length ? String(end) : undefined }
}

export type Xml =
  | string
  | number
  | boolean
  | Date
  | undefined
  | Xml[]
  | NamedList
  | { [name: string]: Xml }

/** A list whose entries have a name of their own, as those of ElastiCache have. */
export class NamedList {
  constructor(
    readonly entry: string,
    readonly values: Xml[],
  ) {}
}

/** Elements for a value; list entries are called `member` (Query) or `item` (EC2). */
export function xml(value: Xml, entry: 'member' | 'item'): string {
  if (value === undefined) return ''
  if (value instanceof NamedList) {
    return value.values.map((each) => xml({ [value.entry]: each }, entry)).join('')
  }
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) {
    return value.map((each) => `<${entry}>${xml(each, entry)}</${entry}>`).join('')
  }
  if (typeof value === 'object') {
    return Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .map(([name, each]) => `<${name}>${xml(each, entry)}</${name}>`)
      .join('')
  }
  return Bun.escapeHTML(String(value))
}

export const time = (ms: number | undefined): Date | undefined =>
  ms === undefined ? undefined : new Date(ms)

/** Tags as AWS lists them, with the service's own names for key and value. */
export function tagList(tags: Record<string, string>, key = 'Key', value = 'Value'): Xml[] {
  return Object.entries(tags).map(([name, text]) => ({ [key]: name, [value]: text }))
}
