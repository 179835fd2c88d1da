/** A command was called in a way that it does not have. The message says which ones it has. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
