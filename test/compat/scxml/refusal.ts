/** What a document uses that is not converted. The message is the reason in the table of the docs. */
export class NotConverted extends Error {}
