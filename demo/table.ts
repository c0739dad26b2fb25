/** Lines of text in columns. The first column is aligned left, the others, which are numbers, right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map(row => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd()
  const rule = '─'.repeat(line(widths.map(width => '─'.repeat(width))).length)
  return [line(head), rule, ...rows.map(line)].map(text => `  ${text}`).join('\n')
}

/** A number with separators, as in 12,345. */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** A number with its noun: `1 request`, `3 requests`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

/** Milliseconds, with a decimal only for small values. */
export function milliseconds(value: number): string {
  const text = Math.abs(value) < 10 ? value.toFixed(1) : count(Math.round(value))
  return `${text === '-0.0' ? '0.0' : text} ms`
}
