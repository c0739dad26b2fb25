/*
 * Rows that are not what they promise yet, with the reason. A row that becomes right has to leave the list: the test fails
 * until it does.
 */
export const pendingRows: Readonly<Record<string, string>> = {}

export const pendingScxml: Readonly<Record<string, string>> = {}
