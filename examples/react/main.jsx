// Creates a task and watches it, with urql's hooks. Start Groundcrew (npm start), then: npx vite examples/react
import { CreateTaskDocument, createGroundcrew, TaskUpdatedDocument } from 'groundcrew/client';
import { useState } from 'react';
import { createRoot } from 'react-dom/client';
import { Provider, useMutation, useSubscription } from 'urql';

const groundcrew = createGroundcrew({
  url: location.origin,
  token: () => {
    sessionStorage.token ??= prompt('API token');
    return sessionStorage.token;
  },
});

function App() {
  const [{ data, error, fetching }, createTask] = useMutation(CreateTaskDocument);
  // The key makes a repeated call return the first task: after a lost answer, for instance.
  const [idempotencyKey, setKey] = useState(() => crypto.randomUUID());

  async function submit(event) {
    event.preventDefault();
    const form = Object.fromEntries(new FormData(event.target));
    const result = await createTask({ input: { ...form, idempotencyKey } });
    if (!result.error?.networkError) setKey(crypto.randomUUID());
  }

  return (
    <>
      <form onSubmit={submit}>
        <input name="repoUrl" placeholder="Repository" aria-label="Repository" required />
        <input name="prompt" placeholder="Prompt" aria-label="Prompt" required />
        <button type="submit" disabled={fetching}>
          Create
        </button>
      </form>
      {error && <p role="alert">{error.message}</p>}
      {data && <Task key={data.createTask.id} created={data.createTask} />}
    </>
  );
}

/** Shows the task as createTask returned it, then each of its revisions. The subscription resumes by itself. */
function Task({ created }) {
  const variables = { id: created.id, afterRevision: created.revision };
  const [{ data, error }] = useSubscription({ query: TaskUpdatedDocument, variables });
  const task = data?.taskUpdated ?? created;
  return (
    <section>
      <h1>{task.title ?? task.prompt}</h1>
      <p role="status">{task.status}</p>
      <ol>
        {task.steps.map(({ name, state, attempt }) => (
          <li key={name}>
            {name}: {state} {attempt > 1 && `(attempt ${attempt})`}
          </li>
        ))}
      </ol>
      {(task.error ?? error) && <p role="alert">{(task.error ?? error).message}</p>}
    </section>
  );
}

createRoot(document.getElementById('root')).render(
  <Provider value={groundcrew.urql}>
    <App />
  </Provider>,
);
