const taskFields = `id
    status
    title
    steps {
      name
      state
      attempt
    }
    error {
      code
      message
    }`;

/** The operations that GraphiQL opens with, by their names. A browser keeps its own tabs once it has some. */
const operations = {
  createTask: `# Sign in at /login first, or set a header below: { "Authorization": "Bearer TOKEN" }

mutation CreateTask($input: CreateTaskInput!) {
  createTask(input: $input) {
    ${taskFields}
  }
}
`,
  watchTask: `subscription WatchTask($id: ID!, $afterRevision: Int) {
  taskUpdated(id: $id, afterRevision: $afterRevision) {
    revision
    ${taskFields}
  }
}
`,
  watchTasks: `subscription WatchTasks {
  tasksUpdated {
    revision
    ${taskFields}
  }
}
`,
  listTasks: `query ListTasks($first: Int, $filter: TaskFilter) {
  tasks(first: $first, filter: $filter) {
    nodes {
      id
      status
      title
      project {
        name
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`,
  retryTask: `mutation RetryTask($id: ID!) {
  retryTask(id: $id) {
    ${taskFields}
  }
}
`,
} as const;

/** What the visitor has to try the operations on. */
const examples = `{
  newest: tasks(first: 1) { nodes { id } }
  failed: tasks(first: 1, filter: { status: [ERROR] }) { nodes { id } }
  projects(first: 1) { nodes { repoUrl } }
}`;

/** For visitors without a project. */
const publicRepository = 'https://github.com/octocat/Hello-World.git';

/**
 * JavaScript for the page: options with the tabs, and with variables that work for this visitor as they stand. GraphiQL takes
 * them when it starts, so the page waits for the answer; without a login there is none.
 */
export const tabsOfVisitor = `(() => {
  // Otherwise GraphiQL opens the tabs of the last visit, and adds one for these options.
  if (localStorage.getItem('graphiql:tabState') !== null) return {};
  const operations = ${JSON.stringify(operations)};
  let found = {};
  try {
    const request = new XMLHttpRequest();
    request.open('POST', '/graphql', false);
    request.setRequestHeader('content-type', 'application/json');
    request.send(JSON.stringify({ query: ${JSON.stringify(examples)} }));
    found = JSON.parse(request.responseText).data ?? {};
  } catch {}
  const newest = found.newest?.nodes[0]?.id;
  const failed = found.failed?.nodes[0]?.id ?? newest;
  const repoUrl = found.projects?.nodes[0]?.repoUrl ?? ${JSON.stringify(publicRepository)};
  const tab = (query, variables) => ({ query, variables: JSON.stringify(variables, null, 2) });
  const defaultTabs = [
    tab(operations.createTask, { input: { repoUrl, prompt: 'Say hello' } }),
    newest ? tab(operations.watchTask, { id: newest, afterRevision: 0 }) : tab(operations.watchTasks, {}),
    tab(operations.listTasks, { first: 10, filter: {} }),
    tab(operations.retryTask, { id: failed ?? 'task_00000000000000000000000000' }),
  ];
  // Of the first tab GraphiQL takes the operation only.
  return { defaultTabs, variables: defaultTabs[0].variables };
})()`;
