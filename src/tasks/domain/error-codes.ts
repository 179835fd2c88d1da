/** What an error code means to users, in sentences: docs/errors.md shows both, and a page may show them next to an error. */
export interface ErrorDescription {
  readonly when: string;
  readonly remedy: string;
}

/** The codes that Groundcrew gives to errors of tasks, steps and sessions. Sandbox providers of others may use other codes. */
export const taskErrorCodes = {
  REPOSITORY_NOT_FOUND: {
    when: 'The repository does not exist, or git on the server may not read it.',
    remedy:
      'Check the URL. Give git on the server access to the repository, for example with an SSH key or a credential helper, and retry the task.',
  },
  REPOSITORY_UNREACHABLE: {
    when: 'The host of the repository did not answer, or the connection broke.',
    remedy: 'The step is attempted again. If it keeps failing, check network, proxy and DNS of the server.',
  },
  REPOSITORY_EMPTY: {
    when: 'The repository has no commit that a branch could start from.',
    remedy: 'Push a first commit, then retry the task.',
  },
  REPOSITORY_INCOMPLETE: {
    when: 'The repository is a partial clone or is damaged, so that it cannot send all of its objects.',
    remedy: 'Give the URL of a complete repository, for example the one it was cloned from, in a new task.',
  },
  BASE_REF_NOT_FOUND: {
    when: 'The repository has no branch, tag or commit with the name in `baseRef`.',
    remedy: 'Create a new task with another `baseRef`, or push the missing branch and retry the task.',
  },
  INVALID_BRANCH: {
    when: 'Git refuses the name of the branch in this repository, for example because a branch `a` exists and `a/b` was asked for.',
    remedy: 'Create a new task with another `branchName`.',
  },
  GIT_FAILED: {
    when: 'A git command failed for a reason that has no code of its own. The message is what git printed.',
    remedy: 'Run the same git command on the server to see the problem, correct it, and retry the task.',
  },
  NAME_FAILED: {
    when: 'The step ENSURE_NAME failed for a reason that has no code of its own.',
    remedy: 'Read the message, correct the cause, and retry the task.',
  },
  SANDBOX_FAILED: {
    when: 'The sandbox provider could not make the sandbox.',
    remedy:
      'Read the message: typical causes are a full disk, and limits or outages of the provider. Correct the cause and retry the task.',
  },
  SANDBOX_GONE: {
    when: 'The sandbox of the task no longer exists: it was removed outside of Groundcrew.',
    remedy:
      'Groundcrew makes a new sandbox when attempts are left; otherwise retry the task. Changes that were not pushed are lost.',
  },
  AGENT_FAILED: {
    when: 'The agent could not be installed or started in the sandbox.',
    remedy: 'Check that the agent is installed and signed in where the sandbox runs, and retry the task.',
  },
  AGENT_GONE: {
    when: "The agent's server in the sandbox has ended.",
    remedy: 'Groundcrew starts it again when attempts are left; otherwise retry the task.',
  },
  SESSION_FAILED: {
    when: 'The agent runs, but it could not open the session.',
    remedy: 'Read the message: often the agent needs an account or a model. Correct that and retry the task.',
  },
  PROMPT_FAILED: {
    when: 'The agent answered a prompt with an error.',
    remedy:
      'Read the message: often the agent needs an account or a model. Correct that and send the prompt again.',
  },
  PROVIDER_UNKNOWN: {
    when: 'The worker that runs the task does not have the sandbox provider of the task.',
    remedy:
      'Add the provider to `GROUNDCREW_PROVIDERS` of every worker, restart the workers, and retry the task.',
  },
  STEP_TIMEOUT: {
    when: 'An attempt of the step took longer than its timeout.',
    remedy:
      'The step is attempted again. If it needs more time, raise `GROUNDCREW_STEP_TIMEOUT_MS` and retry the task.',
  },
  WORKER_LOST: {
    when: 'The worker that ran the step was killed, hung, or lost its connection to the database.',
    remedy:
      'Another worker attempts the step again. If all attempts end like this, the step itself may crash workers: read their logs.',
  },
  CANCELED: {
    when: 'The task was canceled while the step was running.',
    remedy: 'Nothing needs to be done. To have the work done, create a new task.',
  },
  INTERNAL: {
    when: 'Groundcrew could not read or write its database during the step.',
    remedy: 'The step is attempted again. If it keeps failing, read the log of the worker.',
  },
} as const satisfies Readonly<Record<string, ErrorDescription>>;

export type TaskErrorCode = keyof typeof taskErrorCodes;
