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

/** All mutants of a TypeScript source, in its order. Types, imports and prose are left alone. */
export function mutantsOf(path: string, source: string): Mutant[] {
  const mutants: Mutant[] = []
  const text = ({ start, end }: Node) => source.slice(start, end)
  const add = (
    kind: string,
    node: Node,
    replacement: string,
    start = node.start,
    end = node.end,
  ) => {
    const original = source.slice(start, end)
    if (original !== replacement)
      mutants.push({ path, line: node.loc.start.line, kind, start, end, original, replacement })
  }

  const visit = (node: Node, parent: Node | undefined): void => {
    // Types decide nothing at run time, and the names of modules and keys are not values.
    if (
      /^(TS(?!AsExpression|NonNull|Satisfies)|ImportDeclaration|Export(All|NamedSpecifier))/.test(
        node.type,
      )
    )
      return
    mutate(node, parent)
    for (const [key, value] of Object.entries(node)) {
      if (key === 'key' && !node.computed) continue
      for (const child of Array.isArray(value) ? value : [value])
        if (isNode(child)) visit(child, node)
    }
  }

  const mutate = (node: Node, parent: Node | undefined): void => {
    switch (node.type) {
      case 'BinaryExpression':
      case 'LogicalExpression': {
        const [left, right] = [node.left as Node, node.right as Node]
        if (node.operator === '??') return add('option', node, text(left))
        const other = OPERATORS[node.operator as string]
        if (!other || (node.operator === '+' && [left, right].some(isText))) return
        const at = source.indexOf(node.operator as string, left.end)
        return add(other[0], node, other[1], at, at + (node.operator as string).length)
      }
      case 'IfStatement':
      case 'ConditionalExpression':
      case 'WhileStatement': {
        const test = node.test as Node
        // Which is what another comparison is.
        if (!/^[!=]==$/.test(String(test.operator))) add('condition', test, `!(${text(test)})`)
        return
      }
      case 'NumericLiteral':
        return add('constant', node, Number(node.value) === 0 ? '1' : `(${text(node)} * 10)`)
      case 'BooleanLiteral':
        return add('constant', node, String(!node.value))
      case 'StringLiteral':
        // What has a space is prose.
        if (!/\s/.test(node.value as string)) add('constant', node, "'mutant'")
        return
      case 'ExpressionStatement':
        return add('statement', node, ';')
      case 'ThrowStatement':
        return add('statement', node, ';')
      case 'CallExpression': {
        const [one, other] = node.arguments as Node[]
        if (one && other && isPlain(one) && isPlain(other))
          add('arguments', node, `${text(other)}, ${text(one)}`, one.start, other.end)
        return
      }
      case 'ObjectProperty':
        if (parent?.type === 'ObjectExpression') {
          const comma = /^\s*,/.exec(source.slice(node.end))?.[0].length ?? 0
          add('option', node, '', node.start, node.end + comma)
        }
    }
  }

  const ast = parse(source, { sourceType: 'module', plugins: ['typescript'] })
  visit(ast.program as unknown as Node, undefined)
  return mutants
}

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
