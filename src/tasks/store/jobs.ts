import { z } from 'zod';

/**
 * The jobs, by name, with what their payloads hold. A payload that comes out of the queue is `unknown` until its schema
 * has read it: jobs outlive deployments.
 */
export const jobs = {
  provisionTask: z.object({ taskId: z.string() }),
  releaseSandbox: z.object({ key: z.string() }),
} as const;
export type JobName = keyof typeof jobs;
export type JobPayload<N extends JobName> = z.infer<(typeof jobs)[N]>;
