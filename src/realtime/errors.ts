/** The subscriber fell behind the changes kept for it and must resubscribe. */
export class SubscriberLaggedError extends Error {
  override readonly name = 'SubscriberLaggedError';
}
