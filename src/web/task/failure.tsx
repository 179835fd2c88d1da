import { TriangleAlert } from 'lucide-react';
import type { Task } from '../../client/client.ts';
import { type ErrorDescription, taskErrorCodes } from '../../tasks/domain/error-codes.ts';
import { steps } from '../words.ts';

type TaskError = NonNullable<Task['error']>;

/** What has failed, what that means, and what can be done. Codes of other sandbox providers have no explanation here. */
export function Failure({ error }: { readonly error: TaskError }) {
  const explanation = (taskErrorCodes as Readonly<Record<string, ErrorDescription>>)[error.code];
  return (
    <div className="flex gap-3 rounded-lg border border-bad/40 bg-bad-panel p-4">
      <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-bad" />
      <div className="flex min-w-0 flex-col gap-2">
        <h2 className="font-semibold">
          {error.step ? `The step “${steps[error.step].title}” has failed` : 'The task has failed'}
        </h2>
        <p dir="auto" className="wrap-anywhere whitespace-pre-wrap">
          {error.message}
        </p>
        {explanation && (
          <p className="text-soft">
            {plain(explanation.when)} <strong className="font-medium text-ink">What to do:</strong>{' '}
            {plain(explanation.remedy)}
          </p>
        )}
        <p className="font-mono text-soft text-xs">{error.code}</p>
      </div>
    </div>
  );
}

/** The explanations are Markdown. */
function plain(markdown: string): string {
  return markdown.replaceAll('`', '');
}
