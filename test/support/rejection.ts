/** What the code's errors have besides their message. */
export interface Rejection extends Error {
  readonly code?: string;
  readonly retryable?: boolean;
}

/** Returns the error that a promise rejects with; fails when it resolves. */
export async function rejection(promise: Promise<unknown>): Promise<Rejection> {
  return await promise.then(
    (value) => {
      throw new Error(`resolved with ${value} instead of rejecting`);
    },
    (error) => error,
  );
}
