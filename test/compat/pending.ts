/*
 * Rows whose machines decide otherwise than a plain actor, with the reason. A row that becomes right has to leave the list:
 * the test fails until it does.
 */
export const pendingRows: Readonly<Record<string, string>> = {
  'a delayed raise whose id is armed again before it is due':
    'the second timer replaces the first, where a plain actor lets both ring',
}
