import { ChevronRight } from 'lucide-react';
import { type FormEvent, type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { useQuery } from 'urql';
import { ProjectListDocument, ProviderListDocument } from '../../client/client.ts';
import { Button } from '../components/button.tsx';
import { Field, inputClass } from '../components/field.tsx';
import { Kbd } from '../components/kbd.tsx';
import { PageHeading } from '../shell/page-heading.tsx';
import { warmTaskPage } from '../task/warm-up.tsx';
import type { FieldName } from './draft.ts';
import { useNewTask } from './use-new-task.ts';

const recentProjects = 5;

/** `/new` */
export function NewTaskPage() {
  const form = useRef<HTMLFormElement>(null);
  const { values, errors, error, sending, change, send } = useNewTask((field) => {
    form.current?.querySelector<HTMLElement>(`[name=${field}]`)?.focus();
  });
  const [{ data: providers }] = useQuery({ query: ProviderListDocument });
  // Folded away, but not with something in it that counts.
  const isUsed = optionalFields.some((name) => values[name] || errors[name]);
  const [open, setOpen] = useState(isUsed);
  useEffect(warmTaskPage, []);

  function onSubmit(event: FormEvent): void {
    event.preventDefault();
    void send();
  }
  function onKeyDown(event: KeyboardEvent): void {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    void send();
  }

  const bind = (name: FieldName) => ({
    name,
    value: values[name],
    onChange: (event: { target: { value: string } }) => change(name, event.target.value),
    className: inputClass,
    autoComplete: 'off',
    spellCheck: name === 'prompt' || name === 'title',
  });

  return (
    <form
      ref={form}
      onSubmit={onSubmit}
      onKeyDown={onKeyDown}
      noValidate
      className="mx-auto flex max-w-2xl flex-col gap-5 px-4 py-6"
    >
      <PageHeading title="New task" className="font-semibold text-xl" />
      {error && (
        <p role="alert" className="rounded-md border border-bad/40 bg-bad-panel p-3">
          {error}
        </p>
      )}
      <div className="flex flex-col gap-2">
        <Field label="Repository" error={errors.repoUrl}>
          {(attributes) => (
            <input
              {...attributes}
              {...bind('repoUrl')}
              // biome-ignore lint/a11y/noAutofocus: the form is the page
              autoFocus={values.repoUrl === ''}
              required
              inputMode="url"
              placeholder="https://github.com/owner/name.git"
            />
          )}
        </Field>
        <RecentProjects onChoose={(repoUrl) => change('repoUrl', repoUrl)} />
      </div>
      <Field label="Prompt" error={errors.prompt}>
        {(attributes) => (
          <textarea
            {...attributes}
            {...bind('prompt')}
            // biome-ignore lint/a11y/noAutofocus: the form is the page
            autoFocus={values.repoUrl !== ''}
            required
            rows={8}
            dir="auto"
            placeholder="What the agent is to do"
          />
        )}
      </Field>
      <details
        open={open || optionalFields.some((name) => errors[name])}
        onToggle={({ currentTarget }) => setOpen(currentTarget.open)}
        className="group"
      >
        <summary className="-ml-1 inline-flex cursor-pointer items-center gap-1 rounded px-1 text-soft hover:text-ink pointer-coarse:min-h-11">
          <ChevronRight aria-hidden className="size-4 transition-transform group-open:rotate-90" />
          More settings
        </summary>
        <div className="grid gap-4 pt-4 sm:grid-cols-2">
          <Field label="Title" error={errors.title} hint="By default made from the prompt.">
            {(attributes) => <input {...attributes} {...bind('title')} />}
          </Field>
          <Field label="Branch" error={errors.branchName} hint="By default made from the title.">
            {(attributes) => <input {...attributes} {...bind('branchName')} />}
          </Field>
          <Field
            label="Base"
            error={errors.baseRef}
            hint="A branch or commit. By default the default branch."
          >
            {(attributes) => <input {...attributes} {...bind('baseRef')} />}
          </Field>
          <Field label="Agent" error={errors.agent} hint="By default the one of the server.">
            {(attributes) => <input {...attributes} {...bind('agent')} />}
          </Field>
          <Field label="Provider" error={errors.provider}>
            {(attributes) => (
              <select {...attributes} {...bind('provider')}>
                <option value="">Default</option>
                {providers?.providers.map(({ name }) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
            )}
          </Field>
        </div>
      </details>
      <div className="flex items-center justify-end gap-3">
        <Button
          type="submit"
          look="primary"
          disabledReason={sending ? 'The task is being created.' : undefined}
        >
          Create task
          <Kbd>Ctrl ↵</Kbd>
        </Button>
      </div>
    </form>
  );
}

const optionalFields = ['title', 'branchName', 'baseRef', 'provider', 'agent'] as const satisfies FieldName[];

function RecentProjects({ onChoose }: { readonly onChoose: (repoUrl: string) => void }) {
  const [{ data }] = useQuery({
    query: ProjectListDocument,
    variables: { first: recentProjects },
    requestPolicy: 'cache-and-network',
  });
  if (!data?.projects.nodes.length) return null;
  return (
    <div className="flex flex-wrap items-center gap-1.5">
      <span className="text-soft text-xs">Recent:</span>
      {data.projects.nodes.map(({ id, name, repoUrl }) => (
        <button
          key={id}
          type="button"
          title={repoUrl}
          onClick={() => onChoose(repoUrl)}
          className="max-w-full truncate rounded-full border border-line px-2.5 py-0.5 text-xs hover:bg-hover pointer-coarse:min-h-11"
        >
          {name}
        </button>
      ))}
    </div>
  );
}
