import type { TaskFilter } from '../tasks/store/view/task-queries.ts';
import { builder } from './builder.ts';
import { TaskStatusEnum } from './enums.ts';

export const TaskFilterInput = builder.inputRef<TaskFilter>('TaskFilter');

TaskFilterInput.implement({
  description: 'Selects tasks that match all of the given fields.',
  fields: (t) => ({
    status: t.field({ type: [TaskStatusEnum], description: 'Tasks in one of these statuses.' }),
    projectId: t.id({ description: 'Tasks of this project.' }),
    search: t.string({
      description: 'Tasks whose title and prompt contain all of these words. Up to 1,000 characters.',
    }),
  }),
});
