import type { GroundcrewError } from '../client/client.ts';

const passingCodes: readonly unknown[] = ['NETWORK_ERROR', 'INTERNAL_SERVER_ERROR', 'RATE_LIMITED'];

/** Whether the same operation may succeed in a moment. */
export function passes(error: unknown): boolean {
  return passingCodes.includes((error as Partial<GroundcrewError>).code);
}
