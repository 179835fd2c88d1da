import { projectTasks } from '../resolvers/project-tasks.ts';
import { connectionCost, connectionOf, pageArgs } from './connection.ts';
import { Node } from './node.ts';
import { ProjectRef } from './refs.ts';
import { TaskConnection } from './task.ts';
import { TaskFilterInput } from './task-filter.ts';

export const ProjectConnection = connectionOf('Project', ProjectRef);

ProjectRef.implement({
  description: 'A repository in a workspace.',
  interfaces: [Node],
  fields: (t) => ({
    repoUrl: t.exposeString('repoUrl', {
      description: 'The normalized URL: different spellings of the same URL give the same project.',
    }),
    name: t.exposeString('name', { description: '`owner/name`, or the last part of a path.' }),
    tasks: t.field({
      type: TaskConnection,
      description:
        'The tasks of the project, newest first. `first` and `last` are at most 100; the default is 50.',
      args: {
        ...pageArgs,
        filter: t.arg({ type: TaskFilterInput, description: 'Which tasks to return.' }),
      },
      ...connectionCost,
      resolve: (project, { filter, ...page }, context) => projectTasks(project, filter ?? {}, page, context),
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      description: 'When the first task of the project was created.',
    }),
  }),
});
