import { z } from 'zod';
import { isBranchName } from '../repository/branch-name.ts';
import { InvalidInputError } from './domain/errors.ts';

/** Characters. Longer prompts belong in a file of the repository. */
const maxPromptLength = 100_000;

/** Text that PostgreSQL and JSON can hold: well-formed, without NUL. */
const text = (what: string, max: number) =>
  z
    .string()
    .max(max, `${what} has more than ${max} characters`)
    .refine((value) => value.trim() !== '', `${what} is empty`)
    .refine(
      (value) => value.isWellFormed() && !value.includes('\0'),
      `${what} holds characters that can't be stored`,
    );

const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? null);

const agent = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'agent is not the name of an agent');
const idempotencyKey = text('idempotencyKey', 255);

export const createTaskInput = z.object({
  repoUrl: text('repoUrl', 1000),
  prompt: text('prompt', maxPromptLength),
  title: optional(
    text('title', 200).refine((title) => !/[\r\n]/.test(title), 'title has more than one line'),
  ),
  branchName: optional(
    z.string().refine(isBranchName, 'branchName is not a name that git takes for a branch'),
  ),
  baseRef: optional(
    z.string().refine(isBranchName, 'baseRef is not a name that git takes for a branch or commit'),
  ),
  provider: optional(text('provider', 255)),
  agent: optional(agent),
  idempotencyKey: optional(idempotencyKey),
});
export type CreateTaskInput = z.input<typeof createTaskInput>;

export const createSessionInput = z.object({
  taskId: z.string(),
  agent: optional(agent),
  prompt: optional(text('prompt', maxPromptLength)),
  idempotencyKey: optional(idempotencyKey),
});
export type CreateSessionInput = z.input<typeof createSessionInput>;

/** Throws InvalidInputError, with the field, at the first one that is wrong. */
export function parseInput<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue?.path[0];
  throw new InvalidInputError(
    issue?.message ?? 'invalid input',
    field === undefined ? {} : { field: String(field) },
  );
}
