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

/** The operations that GraphiQL opens with, by their names. A browser keeps its own tabs once it has some that were edited. */
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
  skipRetry: `# No task has the status ERROR, so this does nothing yet. Later: set "skip" to false, and the id of such a task.

mutation RetryTask($id: ID!, $skip: Boolean!) {
  retryTask(id: $id) @skip(if: $skip) {
    ${taskFields}
  }
}
`,
} as const;

/** What the visitor has to try the operations on. */
const examples = `{
  newest: tasks(first: 1) { nodes { id } }
  failed: tasks(first: 1, filter: { status: [ERROR] }) { nodes { id } }
  running: tasks(first: 1, filter: { status: [RUNNING] }) { nodes { project { repoUrl } } }
  projects(first: 1) { nodes { repoUrl } }
}`;

/** For visitors without a project. */
const publicRepository = 'https://github.com/octocat/Hello-World.git';

/**
 * JavaScript for the page: options with the tabs, and with variables that work for this visitor as they stand. GraphiQL takes
 * them when it starts, so the page waits for the answer; without a login there is none.
 */
export const tabsOfVisitor = `(() => {
  const [tabsItem, givenItem] = ['graphiql:tabState', 'groundcrew:graphiqlTabs'];
  const contentOf = (tabs) => JSON.stringify(tabs.map(({ query, variables }) => [query, variables]));
  // GraphiQL opens the tabs of the last visit. Those that nobody has edited are made anew, as a task of theirs may be gone.
  const stored = localStorage.getItem(tabsItem);
  if (stored !== null) {
    let content;
    try { content = contentOf(JSON.parse(stored).tabs); } catch {}
    if (content !== localStorage.getItem(givenItem)) return {};
    for (const item of [tabsItem, 'graphiql:query', 'graphiql:variables']) localStorage.removeItem(item);
  }
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
  const failed = found.failed?.nodes[0]?.id;
  // One that the server could read before all.
  const repoUrl = (found.running?.nodes[0]?.project ?? found.projects?.nodes[0])?.repoUrl ?? ${JSON.stringify(publicRepository)};
  const tab = (query, variables) => ({ query, variables: JSON.stringify(variables, null, 2) });
  const defaultTabs = [
    tab(operations.createTask, { input: { repoUrl, prompt: 'Say hello' } }),
    newest ? tab(operations.watchTask, { id: newest, afterRevision: 0 }) : tab(operations.watchTasks, {}),
    tab(operations.listTasks, { first: 10, filter: {} }),
    failed
      ? tab(operations.retryTask, { id: failed })
      : tab(operations.skipRetry, { id: newest ?? 'task_00000000000000000000000000', skip: true }),
  ];
  localStorage.setItem(givenItem, contentOf(defaultTabs));
  // Of the first tab GraphiQL takes the operation only.
  return { defaultTabs, variables: defaultTabs[0].variables };
})()`;
