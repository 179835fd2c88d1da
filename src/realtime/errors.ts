/** The subscriber fell behind the changes that are kept for it, and must subscribe again. */
export class SubscriberLaggedError extends Error {
  override readonly name = 'SubscriberLaggedError';
}
