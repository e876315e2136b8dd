import { parse } from '@babel/parser'

/** A program with one mistake. */
export interface Mutant {
  path: string
  line: number
  /** The kind of mistake. */
  kind: string
  /** What is replaced in the source, and by what. */
  start: number
  end: number
  original: string
  replacement: string
}

interface Node {
  type: string
  start: number
  end: number
  loc: { start: { line: number } }
  [key: string]: unknown
}

const OPERATORS: Record<string, [kind: string, other: string]> = {
  '<': ['comparison', '<='],
  '<=': ['comparison', '<'],
  '>': ['comparison', '>='],
  '>=': ['comparison', '>'],
  '===': ['comparison', '!=='],
  '!==': ['comparison', '==='],
  '&&': ['condition', '||'],
  '||': ['condition', '&&'],
  '+': ['constant', '-'],
  '-': ['constant', '+'],
  '*': ['constant', '/'],
  '/': ['constant', '*'],
}

/** A replacement of what is from `start` to `end`, which are the node's unless told otherwise. */
interface Change {
  kind: string
  replacement: string
  start?: number
  end?: number
}

/** The mistakes that can be made of a node of each type. */
const MISTAKES: Record<string, (node: Node, source: string, parent?: Node) => Change[]> = {
  BinaryExpression: otherOperator,
  LogicalExpression: otherOperator,
  IfStatement: negated,
  ConditionalExpression: negated,
  WhileStatement: negated,
  NumericLiteral: (node, source) => [
    { kind: 'constant', replacement: node.value === 0 ? '1' : `(${text(node, source)} * 10)` },
  ],
  BooleanLiteral: ({ value }) => [{ kind: 'constant', replacement: String(!value) }],
  // What has a space is prose.
  StringLiteral: ({ value }) =>
    /\s/.test(String(value)) ? [] : [{ kind: 'constant', replacement: "'mutant'" }],
  ExpressionStatement: () => [{ kind: 'statement', replacement: ';' }],
  ThrowStatement: () => [{ kind: 'statement', replacement: ';' }],
  CallExpression: (node, source) => {
    const [one, other] = node.arguments as Node[]
    if (!one || !other || ![one, other].every(isPlain)) return []
    const replacement = `${text(other, source)}, ${text(one, source)}`
    return [{ kind: 'arguments', replacement, start: one.start, end: other.end }]
  },
  ObjectProperty: ({ end }, source, parent) => {
    if (parent?.type !== 'ObjectExpression') return []
    const comma = /^\s*,/.exec(source.slice(end))?.[0].length ?? 0
    return [{ kind: 'option', replacement: '', end: end + comma }]
  },
}

function otherOperator(node: Node, source: string): Change[] {
  const [left, right] = [node.left as Node, node.right as Node]
  const operator = String(node.operator)
  if (operator === '??') return [{ kind: 'option', replacement: text(left, source) }]
  const [kind, replacement] = OPERATORS[operator] ?? []
  if (!kind || !replacement || (operator === '+' && [left, right].some(isText))) return []
  const start = source.indexOf(operator, left.end)
  return [{ kind, replacement, start, end: start + operator.length }]
}

function negated(node: Node, source: string): Change[] {
  const test = node.test as Node
  // Which is what another comparison is.
  if (/^[!=]==$/.test(String(test.operator))) return []
  const { start, end } = test
  return [{ kind: 'condition', replacement: `!(${text(test, source)})`, start, end }]
}

/** Types decide nothing at run time, and the names of modules are no values. */
const WITHOUT_MISTAKES =
  /^(TS(?!AsExpression|NonNull|Satisfies)|ImportDeclaration|Export(All|NamedSpecifier))/

/** All mutants of a TypeScript source, in its order. Types, imports and prose are left alone. */
export function mutantsOf(path: string, source: string): Mutant[] {
  const mutants: Mutant[] = []
  const visit = (node: Node, parent?: Node): void => {
    if (WITHOUT_MISTAKES.test(node.type)) return
    for (const { start = node.start, end = node.end, ...change } of MISTAKES[node.type]?.(
      node,
      source,
      parent,
    ) ?? []) {
      const original = source.slice(start, end)
      mutants.push({ path, line: node.loc.start.line, start, end, original, ...change })
    }
    for (const [key, value] of Object.entries(node)) {
      if (key === 'key' && !node.computed) continue
      for (const child of Array.isArray(value) ? value : [value])
        if (isNode(child)) visit(child, node)
    }
  }
  const { program } = parse(source, { sourceType: 'module', plugins: ['typescript'] })
  visit(program as unknown as Node)
  return mutants
}

const text = ({ start, end }: Node, source: string) => source.slice(start, end)

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value && 'start' in value

const isText = ({ type }: Node) => type === 'StringLiteral' || type === 'TemplateLiteral'

const isPlain = ({ type }: Node) => /^(Identifier|MemberExpression|\w+Literal)$/.test(type)

export const applied = (source: string, { start, end, replacement }: Mutant): string =>
  source.slice(0, start) + replacement + source.slice(end)

export const describeMutant = ({ path, line, kind, original, replacement }: Mutant): string => {
  const short = (text: string) => text.replaceAll(/\s+/g, ' ').slice(0, 60)
  return `${path}:${line}: ${kind}: ${short(original)} -> ${short(replacement) || '(nothing)'}`
}
