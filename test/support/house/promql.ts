/* The names of metrics in a PromQL expression, and the labels that it selects or groups by. */

export interface Asked {
  readonly names: readonly string[]
  readonly labels: readonly string[]
}

const namePattern = /\b(?:loadcast|nodejs|process)_\w+/g

export function readExpression(expression: string): Asked {
  const grouped = [...expression.matchAll(/\b(?:by|without)\s*\(([^)]*)\)/g)].flatMap(([, list = '']) =>
    list.split(',').map(label => label.trim()),
  )
  const selected = [...expression.matchAll(/\{([^}]*)\}/g)].flatMap(([, list = '']) =>
    [...list.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
  )
  return { names: [...new Set(expression.match(namePattern) ?? [])], labels: [...grouped, ...selected] }
}

/** The series of a `/metrics` page. A histogram has three. */
export function seriesOf(page: string): ReadonlySet<string> {
  return new Set(
    [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
      type === 'histogram' ? ['_bucket', '_sum', '_count'].map(end => `${name}${end}`) : [name],
    ),
  )
}
