import { z } from 'zod';
import { isBranchName } from '../repository/branch-name.ts';
import { InvalidInputError } from './domain/errors.ts';
import { hasHiddenCharacter, hasVisibleCharacter, lineBreak } from './domain/text.ts';

/** Characters. */
const maxPromptLength = 100_000;

/** Text that PostgreSQL and JSON can store. */
const text = (what: string, max: number) =>
  z
    .string()
    .max(max, `${what} must have at most ${max} characters.`)
    .refine(
      (value) => value.isWellFormed() && !value.includes('\0'),
      `${what} must be well-formed Unicode without NUL.`,
    )
    .refine(hasVisibleCharacter, `${what} must not be empty.`);

/** A name that people tell things by: two that look alike must not differ, and nothing in it may change the text around it. */
export const singleLine = (what: string, max: number) =>
  text(what, max)
    .refine((value) => !lineBreak.test(value), `${what} must be a single line.`)
    .refine(
      (value) => !hasHiddenCharacter(value),
      `${what} must not contain control characters, marks of direction or other characters that cannot be seen.`,
    );

const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? null);

/** Pasted text often ends with a character that nobody sees, and git takes it for a part of the name. */
const refName = (what: string, kind: string) =>
  z
    .string()
    .refine(isBranchName, `${what} must be a name that git accepts for a ${kind}.`)
    .refine((name) => !hasHiddenCharacter(name), `${what} must not contain characters that cannot be seen.`);

const agent = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,63}$/,
    'agent must be the name of an agent: a-z, 0-9, dot, dash and underscore.',
  );
export const idempotencyKey = optional(text('idempotencyKey', 255));

export const createTaskInput = z.object({
  repoUrl: text('repoUrl', 1000),
  prompt: text('prompt', maxPromptLength),
  title: optional(
    text('title', 200).refine((title) => !lineBreak.test(title), 'title must be a single line.'),
  ),
  branchName: optional(refName('branchName', 'branch')),
  baseRef: optional(refName('baseRef', 'branch or commit')),
  provider: optional(text('provider', 255)),
  agent: optional(agent),
  idempotencyKey,
});
export type CreateTaskInput = z.input<typeof createTaskInput>;

export const createSessionInput = z.object({
  taskId: z.string(),
  agent: optional(agent),
  prompt: optional(text('prompt', maxPromptLength)),
  idempotencyKey,
});
export type CreateSessionInput = z.input<typeof createSessionInput>;

export const sendPromptInput = z.object({
  sessionId: z.string(),
  text: text('text', maxPromptLength),
  idempotencyKey,
});
export type SendPromptInput = z.input<typeof sendPromptInput>;

/** Throws InvalidInputError, which names the field, for the first value that is wrong. */
export function parseInput<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue?.path[0];
  throw new InvalidInputError(
    issue?.message ?? 'The input is invalid.',
    field === undefined ? {} : { field: String(field) },
  );
}
