/**
 * The public contract of a sandbox provider: what a third party writes to plug in a place to run agents.
 * GROUNDCREW_PROVIDERS names built-in providers (`local`, …) and modules of others (a path or a package), separated by
 * commas; the first is the default. A module's default export is a SandboxProvider, or a function returning one.
 *
 * Every method may be called again after a crash with the same key, also while the first call's work still goes on
 * somewhere: the same key always means the same thing, so a repeated call adopts what is there instead of making another.
 * An error with `retryable === false` ends provisioning at once; any other error is tried again.
 *
 * Additions only: a provider that was written for an earlier version must keep working.
 */
export interface SandboxProvider {
  readonly name: string;
  /**
   * Where the provider's sandboxes lie: a stable id of 1 to 64 letters, digits, dots, "-" or "_". Only workers whose provider
   * has the same location are asked for the sandboxes that were made there. Called once, at the start of a worker. Left out:
   * every worker reaches every sandbox.
   */
  location?(): Promise<string>;
  /** Makes the sandbox of `key` with the repository checked out on `branch`, or adopts the one that exists. */
  createSandbox(request: CreateSandboxRequest, context: StepContext): Promise<SandboxRef>;
  /** Installs and starts the agent's server in the sandbox, or finds it running. Resolves when it answers. */
  ensureAgent(sandbox: SandboxRef, request: { agent: string }, context: StepContext): Promise<AgentEndpoint>;
  /**
   * Opens the session of `key` with the agent, or finds it. Hands it the prompt, unless the result has `acp`: then the server
   * hands it over itself. An empty prompt hands nothing over.
   */
  createSession(
    sandbox: SandboxRef,
    endpoint: AgentEndpoint,
    request: CreateSessionRequest,
    context: StepContext,
  ): Promise<OpenedSession>;
  /**
   * Ends the agent's process of a session; `createSession` with the same key then starts it anew and opens the session again.
   * Left out: an agent that does not stop when it is interrupted goes on.
   */
  endSession?(
    sandbox: SandboxRef,
    endpoint: AgentEndpoint,
    session: { key: string; sessionId: string },
    context: StepContext,
  ): Promise<void>;
  /**
   * Secrets that agents are given, for instance in their environment: they are masked in transcripts. Called once, at the start
   * of a worker. Left out: there are none.
   */
  secrets?(): readonly string[];
  /** Removes the sandbox of `key` and all that runs in it. No error when there is none. */
  destroySandbox(key: string, context: StepContext): Promise<void>;
  /**
   * Every sandbox of this installation that exists at the provider, so that leaked ones can be found. `cwd` is that of
   * SandboxRef as it is now, for providers whose sandboxes may be moved.
   */
  listSandboxes(context: StepContext): Promise<ReadonlyArray<{ key: string; createdAt: Date; cwd?: string }>>;
}

export interface CreateSandboxRequest {
  /** Stable for the task, unique in the installation; safe in file names and container names. */
  key: string;
  taskId: string;
  repoUrl: string;
  branch: string;
  baseRef: string | null;
}

export interface SandboxRef {
  /** The provider's own id. */
  id: string;
  /** The checkout's absolute path inside the sandbox. */
  cwd: string;
  /** Whatever else the provider needs to find it again. JSON. */
  metadata?: Record<string, unknown>;
}

export interface AgentEndpoint {
  baseUrl: string;
  /** Never logged, never sent to an API client. */
  token?: string;
}

export interface CreateSessionRequest {
  /** Stable for the session. */
  key: string;
  agent: string;
  prompt: string;
}

export interface OpenedSession {
  /** With `acp`: the id that the agent gave to the session. */
  sessionId: string;
  /**
   * How the session is followed: the name of its connection at the agent server, as in `/v1/acp/{server}` of sandbox-agent.
   * Left out: it is not followed, and has no transcript.
   */
  acp?: {
    server: string;
    /**
     * For a session that was opened again and that the agent remembers: the id of the request whose response ends what the
     * agent repeats of the conversation. Nothing before it becomes part of the transcript again.
     */
    replayedBefore?: string;
  };
}

export interface StepContext {
  /** Aborts when the step times out, the task is canceled or the worker shuts down. */
  signal: AbortSignal;
  /** 1 for the first try. */
  attempt: number;
  /** One line of progress for people. */
  log(line: string): void;
}
