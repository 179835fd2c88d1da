import { Activity } from 'react';
import { createRoot } from 'react-dom/client';
import type { Task } from '../../client/client.ts';
import { steps } from '../words.ts';
import { TaskView } from './task-page.tsx';

/**
 * Renders the page of a task once, outside of the document and without its effects, whenever the browser has nothing else
 * to do. A script that has never run costs a multiple of one that has, so that the first task that a visitor creates would
 * be shown late.
 */
export function warmTaskPage(): () => void {
  const root = createRoot(document.createElement('div'));
  root.render(
    <Activity mode="hidden">
      <TaskView task={sample} isComplete />
    </Activity>,
  );
  return () => root.unmount();
}

const at = new Date(0).toISOString();

/** What `createTask` answers with. */
const sample: Task = {
  id: '',
  revision: 1,
  status: 'INIT_CREATE_SANDBOX',
  error: null,
  project: { id: '', name: '', repoUrl: '' },
  prompt: 'Prompt',
  title: null,
  branchName: null,
  baseRef: null,
  provider: '',
  agent: '',
  steps: (['SUCCEEDED', 'RUNNING', 'PENDING', 'PENDING'] as const).map((state, index) => ({
    name: (Object.keys(steps) as (keyof typeof steps)[])[index] as keyof typeof steps,
    state,
    attempt: 1,
    startedAt: at,
    finishedAt: at,
    deadlineAt: at,
    nextAttemptAt: null,
    error: null,
  })),
  sandbox: null,
  sessions: [
    {
      id: '',
      agent: '',
      status: 'PENDING_PROVISION',
      error: null,
      createdAt: at,
      readyAt: null,
      activity: 'NONE',
      prompts: [],
      requests: [],
    },
  ],
  openRequests: 0,
  availableActions: ['CANCEL', 'CREATE_SESSION'],
  createdAt: at,
  updatedAt: at,
  readyAt: null,
};
