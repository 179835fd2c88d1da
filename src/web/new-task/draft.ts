import type { CreateTaskInput } from '../../client/client.ts';
import { newIdempotencyKey } from '../idempotency-key.ts';

/** The fields of the form, by their names in the API. An empty one is left out of the input. */
export const fieldNames = [
  'repoUrl',
  'prompt',
  'title',
  'branchName',
  'baseRef',
  'provider',
  'agent',
] as const satisfies readonly (keyof CreateTaskInput)[];
export type FieldName = (typeof fieldNames)[number];
export type Values = Readonly<Record<FieldName, string>>;

const valuesItem = 'groundcrew.new-task';
const sentItem = 'groundcrew.new-task.sent';
const repoUrlItem = 'groundcrew.last-repository';

/** What was typed and not sent yet, else an empty form for the repository of the last task. */
export function readDraft(): Values {
  const empty = Object.fromEntries(fieldNames.map((name) => [name, ''])) as Record<FieldName, string>;
  const draft = parse(load(valuesItem));
  for (const name of fieldNames) if (typeof draft[name] === 'string') empty[name] = draft[name];
  empty.repoUrl ||= localStorage.getItem(repoUrlItem) ?? '';
  return empty;
}

export function writeDraft(values: Values): void {
  save(valuesItem, JSON.stringify(values));
}

/**
 * The input for `createTask`. Sent again without an answer in between, the same input has the same idempotency key, also
 * after a reload: so the task is made once, although the first answer was lost.
 */
export function inputOf(values: Values): CreateTaskInput {
  const { repoUrl, prompt, ...optional } = values;
  const given = Object.entries(optional).filter(([, value]) => value !== '');
  const input = { repoUrl: repoUrl.trim(), prompt, ...Object.fromEntries(given) };
  const sent = parse(load(sentItem));
  const repeated = JSON.stringify(sent.input) === JSON.stringify(input) && typeof sent.key === 'string';
  const idempotencyKey = repeated ? String(sent.key) : newIdempotencyKey();
  save(sentItem, JSON.stringify({ input, key: idempotencyKey }));
  return { ...input, idempotencyKey };
}

/** The server has answered. What was refused may be sent again, as a new call. */
export function forgetSent(): void {
  forget(sentItem);
}

/** The task exists. */
export function forgetDraft({ repoUrl }: CreateTaskInput): void {
  forgetSent();
  forget(valuesItem);
  localStorage.setItem(repoUrlItem, repoUrl);
}

/** Each window keeps its own, for its reloads, and the newest one of all is there for a window that is opened later. */
function save(item: string, value: string): void {
  sessionStorage.setItem(item, value);
  localStorage.setItem(item, value);
}

function load(item: string): string | null {
  const value = sessionStorage.getItem(item) ?? localStorage.getItem(item);
  if (value !== null) sessionStorage.setItem(item, value);
  return value;
}

function forget(item: string): void {
  // The newest one may be another window's.
  if (localStorage.getItem(item) === sessionStorage.getItem(item)) localStorage.removeItem(item);
  sessionStorage.removeItem(item);
}

function parse(json: string | null): Record<string, unknown> {
  try {
    return Object(JSON.parse(json ?? '{}'));
  } catch {
    return {};
  }
}
