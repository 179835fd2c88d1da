import { p } from '@mikro-orm/core';

/** Ids and keys are compared by their bytes, whatever the database's language is. */
export const id = () => p.text().collation('C');
/** An instant; the API shows milliseconds. */
export const instant = () => p.datetime(3);
export const createdNow = () => instant().defaultRaw('now()');
