/** A worker's right to a task. Each of its writes names the epoch, and changes nothing once the lease is gone. */
export interface Lease {
  readonly taskId: string;
  readonly epoch: number;
}

/** The worker's lease is gone: another worker leased the task, or it was canceled or archived. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
}
