/** Lines of text with columns: the first to the left, the others, which are figures, to the right. */
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

/** Thousands apart, as in 12,345. */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** `many` unless it is one: `3 requests`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

/** Milliseconds, with a decimal only where it tells something. */
export function milliseconds(value: number): string {
  const text = Math.abs(value) < 10 ? value.toFixed(1) : count(Math.round(value))
  return `${text === '-0.0' ? '0.0' : text} ms`
}
