import { Activity } from 'react';
import { createRoot } from 'react-dom/client';
import { type Task, TaskByIdDocument } from '../../client/client.ts';
import { groundcrew } from '../groundcrew.ts';
import { steps } from '../words.ts';
import { TaskView } from './task-page.tsx';

let isWarm = false;

/**
 * Renders the page of a task once, outside of the document and without its effects, whenever the browser has nothing else
 * to do, and looks for a task in the cache. A script that has never run costs a multiple of one that has, so that the first
 * task that a visitor creates would be shown late. What was rendered stays: to remove it would take its time from that task.
 */
export function warmTaskPage(): void {
  if (isWarm) return;
  isWarm = true;
  groundcrew.urql.readQuery(TaskByIdDocument, { id: '' }, { requestPolicy: 'cache-only' });
  createRoot(document.createElement('div')).render(
    <Activity mode="hidden">
      <TaskView task={sample} isComplete />
    </Activity>,
  );
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
