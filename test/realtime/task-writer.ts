import type { Database } from '../../src/tables/database.ts';
import { createTask } from '../../src/tasks/create-task.ts';
import { newId } from '../../src/tasks/domain/id.ts';
import type { Task } from '../../src/tasks/domain/task.ts';
import type { MachineEvent } from '../../src/tasks/domain/task-machine.ts';
import { currentStep } from '../../src/tasks/domain/task-state.ts';
import { changeTask, readTask } from '../../src/tasks/store/change-task.ts';
import { ownersWorkspace } from '../../src/tasks/store/task-queries.ts';

const offer = { providers: ['local'], defaultAgent: 'demo', allowLocalRepos: true } as const;

/** Writes as API and workers do, as often as a test likes. */
export class TaskWriter {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async workspaceId(): Promise<string> {
    return (await ownersWorkspace(this.#db)).id;
  }

  async create(input: { prompt?: string; repoUrl?: string; workspaceId?: string } = {}): Promise<Task> {
    const { prompt = 'Fix it', repoUrl = 'https://example.com/a/b', workspaceId } = input;
    return createTask(this.#db, workspaceId ?? (await this.workspaceId()), offer, { prompt, repoUrl });
  }

  async foreignWorkspace(): Promise<string> {
    const id = newId('workspace');
    await this.#db.em().execute(`insert into workspace (id, name) values (?, 'Another')`, [id]);
    return id;
  }

  /** Keeps workers away from the task: somebody has it, for all they know. */
  async hold(id: string): Promise<void> {
    await this.#db.em().execute(`update task set leased_by = 'the test' where id = ?`, [id]);
  }

  /** One revision more: its first step begins, or is interrupted. */
  async revise(id: string): Promise<Task> {
    for (;;) {
      const task = (await readTask(this.#db, id)) as Task;
      const at = new Date().toISOString();
      const running = currentStep(task.state)?.state === 'running';
      const event: MachineEvent = running
        ? { type: 'stepInterrupted', step: 'ensure_name', at }
        : { type: 'stepStarted', step: 'ensure_name', at, deadlineAt: at };
      const changed = await changeTask(this.#db, id, { event }, task);
      // Otherwise another writer was faster, and the task is where it refuses this.
      if (changed?.outcome === 'changed') return changed.task;
    }
  }

  async reviseTimes(id: string, times: number): Promise<void> {
    for (let time = 0; time < times; time += 1) await this.revise(id);
  }

  /** The event has to be accepted. */
  async change(id: string, event: MachineEvent): Promise<Task> {
    const changed = await changeTask(this.#db, id, { event });
    if (changed?.outcome !== 'changed') throw new Error(`${event.type} was not accepted`);
    return changed.task;
  }

  /** The status at each revision, from the first. */
  async history(id: string): Promise<string[]> {
    const rows = await this.#db
      .em()
      .execute<{ status: string }[]>('select status from task_event where task_id = ? order by revision', [
        id,
      ]);
    return rows.map(({ status }) => status);
  }

  async revisionOf(id: string): Promise<number> {
    return ((await readTask(this.#db, id)) as Task).revision;
  }
}
