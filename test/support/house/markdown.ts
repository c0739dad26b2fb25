/** A Markdown text without its blocks of code, which may begin on the line of a list item. */
export const withoutBlocks = (markdown: string) =>
  markdown.replace(/^ *(?:\d+\. |[-*] )?```[\s\S]*?^ *```.*$/gm, '\n')
