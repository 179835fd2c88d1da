import {
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isInputObjectType,
  isObjectType,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildSchema } from '../../src/schema/schema.ts';
import { newId } from '../../src/tasks/domain/id.ts';
import { fetchGraphql } from '../support/fetch-graphql.ts';
import { connect, type GraphqlWsClient } from '../support/graphql-ws-client.ts';
import { Selections } from './selections.ts';
import { type StartedApp, startApp } from './started-app.ts';

/** An id of each kind. */
interface Ids {
  readonly workspace: string;
  readonly project: string;
  readonly task: string;
  readonly session: string;
  readonly event: string;
  readonly token: string;
  readonly webhook: string;
  readonly delivery: string;
  readonly item: string;
  readonly prompt: string;
  readonly request: string;
}

/** Who may call a root field. `writer`, `reader` and `admin` are tokens of a workspace; all have what those before have. */
const roles = ['task', 'reader', 'writer', 'admin', 'owner'] as const;
type Role = (typeof roles)[number];

interface RootField {
  /** The first role that may; those after it may too. */
  readonly from: Role;
  /** Operations that name objects: each must answer the same for foreign ones and for missing ones. */
  readonly about?: (ids: Ids) => readonly string[];
  /** An operation that names none. */
  readonly plain?: string;
}

const input = (text: string) => `(input: { ${text} })`;

/** Every root field of the schema. One that is missing here fails the test: say who may call it, and how it names objects. */
const rootFields: Readonly<Record<string, RootField>> = {
  'Query.node': {
    from: 'task',
    about: (ids) => Object.values(ids).map((id) => `{ node(id: "${id}") { id } }`),
  },
  'Query.nodes': {
    from: 'task',
    about: (ids) => [`{ nodes(ids: ${JSON.stringify(Object.values(ids))}) { id } }`],
  },
  'Query.viewer': { from: 'task', plain: '{ viewer { scopes } }' },
  'Query.task': { from: 'task', about: ({ task }) => [`{ task(id: "${task}") { id } }`] },
  'Query.tasks': {
    from: 'task',
    plain: '{ tasks { nodes { id } } }',
    about: ({ project, task }) => [
      `{ tasks(filter: { projectId: "${project}" }) { nodes { id } } }`,
      `{ tasks(last: 1, after: "${Buffer.from(task).toString('base64url')}", filter: { search: "nothing" }) { nodes { id } } }`,
    ],
  },
  'Query.projects': { from: 'task', plain: '{ projects { nodes { id } } }' },
  'Query.providers': { from: 'task', plain: '{ providers { name } }' },
  'Query.rateLimit': { from: 'task', plain: '{ rateLimit { remaining } }' },
  'Query.agentRequests': {
    from: 'task',
    plain: '{ agentRequests { nodes { id } } }',
    about: ({ request }) => [
      `{ agentRequests(state: null, after: "${Buffer.from(request).toString('base64url')}") { nodes { title } } }`,
    ],
  },
  'Query.apiTokens': { from: 'admin', plain: '{ apiTokens { nodes { id } } }' },
  'Query.webhooks': {
    from: 'admin',
    plain: '{ webhooks { nodes { id } } }',
    about: ({ webhook }) => [
      `{ webhooks(last: 1, after: "${Buffer.from(webhook).toString('base64url')}") { nodes { id } } }`,
    ],
  },
  'Mutation.createTask': {
    from: 'writer',
    plain: `mutation { createTask${input('repoUrl: "https://example.com/o/r", prompt: "mine"')} { id } }`,
  },
  'Mutation.retryTask': about('retryTask'),
  'Mutation.cancelTask': about('cancelTask'),
  'Mutation.archiveTask': about('archiveTask'),
  'Mutation.createSession': {
    from: 'writer',
    about: ({ task }) => [`mutation { createSession${input(`taskId: "${task}"`)} { id } }`],
  },
  'Mutation.sendPrompt': {
    from: 'writer',
    about: ({ session }) => [`mutation { sendPrompt${input(`sessionId: "${session}", text: "x"`)} { id } }`],
  },
  'Mutation.removePrompt': {
    from: 'writer',
    about: ({ prompt }) => [`mutation { removePrompt(id: "${prompt}") { id } }`],
  },
  'Mutation.interruptSession': {
    from: 'writer',
    about: ({ session, prompt }) => [
      `mutation { interruptSession(id: "${session}") { id } }`,
      `mutation { interruptSession(id: "${session}", promptId: "${prompt}") { id } }`,
    ],
  },
  'Mutation.answerAgentRequest': {
    from: 'writer',
    about: ({ request }) => [
      `mutation { answerAgentRequest${input(`requestId: "${request}", optionId: "x"`)} { id } }`,
    ],
  },
  'Mutation.createWorkspace': {
    from: 'owner',
    plain: `mutation { createWorkspace${input('name: "more"')} { id } }`,
  },
  'Mutation.createApiToken': {
    from: 'admin',
    plain: `mutation { createApiToken${input('name: "more", scopes: [TASKS_READ]')} { token } }`,
    // The owner may make tokens of every workspace: below.
  },
  'Mutation.createTaskToken': {
    from: 'reader',
    about: ({ task }) => [`mutation { createTaskToken${input(`taskId: "${task}"`)} { token } }`],
  },
  'Mutation.revokeApiToken': {
    from: 'admin',
    about: ({ token }) => [`mutation { revokeApiToken(id: "${token}") { id } }`],
  },
  'Mutation.createWebhook': {
    from: 'admin',
    plain: `mutation { createWebhook${input('url: "https://example.com/hooks", kinds: ["agent.started"]')} { secret } }`,
  },
  'Mutation.updateWebhook': {
    from: 'admin',
    about: ({ webhook }) => [
      `mutation { updateWebhook${input(`id: "${webhook}", isEnabled: false`)} { id } }`,
    ],
  },
  'Mutation.rotateWebhookSecret': {
    from: 'admin',
    about: ({ webhook }) => [`mutation { rotateWebhookSecret(id: "${webhook}") { secret } }`],
  },
  'Mutation.testWebhook': aboutWebhook('testWebhook'),
  'Mutation.deleteWebhook': aboutWebhook('deleteWebhook'),
  'Mutation.redeliver': {
    from: 'admin',
    about: ({ delivery }) => [`mutation { redeliver(id: "${delivery}") { id } }`],
  },
  'Subscription.taskUpdated': {
    from: 'task',
    about: ({ task }) => [
      `subscription { taskUpdated(id: "${task}") { id } }`,
      `subscription { taskUpdated(id: "${task}", afterRevision: 0) { id } }`,
      `subscription { taskUpdated(id: "${task}", afterRevision: 1000) { id } }`,
    ],
  },
  'Subscription.transcriptUpdated': {
    from: 'task',
    about: ({ session }) => [
      `subscription { transcriptUpdated(sessionId: "${session}") { sequence } }`,
      `subscription { transcriptUpdated(sessionId: "${session}", afterSequence: 1000) { sequence } }`,
    ],
  },
  'Subscription.tasksUpdated': {
    from: 'task',
    about: ({ project }) => [`subscription { tasksUpdated(projectId: "${project}") { id } }`],
  },
};

function about(name: string): RootField {
  return { from: 'writer', about: ({ task }) => [`mutation { ${name}(id: "${task}") { id } }`] };
}

function aboutWebhook(name: string): RootField {
  return { from: 'admin', about: ({ webhook }) => [`mutation { ${name}(id: "${webhook}") { id } }`] };
}

/** Every argument and input field that takes an id, so that a new one must be thought of. */
const idArguments = [
  'AnswerAgentRequestInput.requestId',
  'CreateApiTokenInput.workspaceId',
  'CreateSessionInput.taskId',
  'CreateTaskTokenInput.taskId',
  'Mutation.archiveTask(id)',
  'Mutation.cancelTask(id)',
  'Mutation.deleteWebhook(id)',
  'Mutation.interruptSession(id)',
  'Mutation.interruptSession(promptId)',
  'Mutation.redeliver(id)',
  'Mutation.removePrompt(id)',
  'Mutation.retryTask(id)',
  'Mutation.revokeApiToken(id)',
  'Mutation.rotateWebhookSecret(id)',
  'Mutation.testWebhook(id)',
  'Query.node(id)',
  'Query.nodes(ids)',
  'Query.task(id)',
  'SendPromptInput.sessionId',
  'Subscription.taskUpdated(id)',
  'Subscription.tasksUpdated(projectId)',
  'Subscription.transcriptUpdated(sessionId)',
  'TaskFilter.projectId',
  'UpdateWebhookInput.id',
];

const schema = buildSchema();
const missing: Ids = {
  workspace: newId('workspace'),
  project: newId('project'),
  task: newId('task'),
  session: newId('session'),
  event: newId('event'),
  token: newId('token'),
  webhook: newId('webhook'),
  delivery: newId('delivery'),
  item: newId('item'),
  prompt: newId('prompt'),
  request: newId('request'),
};

let app: StartedApp;
/** What another workspace has: every text of it holds this word. */
let foreign: Ids;
const foreignWord = 'foreignword';
/** What the own workspace has in addition to the task of the task token. */
let neighbour: Ids;
const neighbourWord = 'neighbourword';
const tokens = {} as Record<Role, string>;
const sockets = {} as Record<Role, GraphqlWsClient>;

beforeAll(async () => {
  app = await startApp('api');
  const create = (workspaceId: string, scope: string, name: string = scope) =>
    app.ask<{ createApiToken: { token: string; apiToken: { id: string } } }>(
      `mutation { createApiToken${input(`workspaceId: "${workspaceId}", name: "${name}", scopes: [${scope}]`)}
        { token apiToken { id } } }`,
    );
  const { createWorkspace } = await app.ask<{ createWorkspace: { id: string } }>(
    `mutation { createWorkspace${input(`name: "${foreignWord}"`)} { id } }`,
  );
  const theirs = (await create(createWorkspace.id, 'ADMIN', foreignWord)).createApiToken;
  foreign = {
    ...(await fill(theirs.token, foreignWord)),
    workspace: createWorkspace.id,
    token: theirs.apiToken.id,
  };

  const own = app.stored.workspace.id;
  const another = (await create(own, 'ADMIN', neighbourWord)).createApiToken;
  neighbour = { ...(await fill(another.token, neighbourWord)), workspace: own, token: another.apiToken.id };
  const mine = await fill(app.token, 'mine');
  const { createTaskToken } = await app.ask<{ createTaskToken: { token: string } }>(
    `mutation { createTaskToken${input(`taskId: "${mine.task}"`)} { token } }`,
  );
  tokens.owner = app.token;
  tokens.admin = (await create(own, 'ADMIN')).createApiToken.token;
  tokens.writer = (await create(own, 'TASKS_WRITE')).createApiToken.token;
  tokens.reader = (await create(own, 'TASKS_READ')).createApiToken.token;
  tokens.task = createTaskToken.token;
  for (const role of roles) sockets[role] = await connect(app.url, { token: tokens[role] });
});
afterAll(async () => {
  for (const socket of Object.values(sockets)) await socket.close();
  await app[Symbol.asyncDispose]();
});

/** Makes a webhook and a task in the workspace of the token, every text of which is the word. */
async function fill(token: string, word: string): Promise<Omit<Ids, 'workspace' | 'token'>> {
  const hooked = await fetchGraphql(
    app.url,
    token,
    `mutation { createWebhook${input(`url: "https://example.com/${word}"`)} { webhook { id } } }`,
  );
  const { createWebhook } = hooked.data as { createWebhook: { webhook: { id: string } } };
  const { data } = await fetchGraphql(
    app.url,
    token,
    `mutation { createTask${input(`repoUrl: "https://example.com/${word}/${word}", prompt: "${word}", title: "${word}", idempotencyKey: "${word === foreignWord ? 'mine' : word}"`)}
      { id project { id } sessions { id } events { nodes { id } } } }`,
  );
  const { createTask } = data as {
    createTask: {
      id: string;
      project: { id: string };
      sessions: [{ id: string }];
      events: { nodes: [{ id: string }] };
    };
  };
  const shown = await fetchGraphql(
    app.url,
    token,
    `{ node(id: "${createWebhook.webhook.id}") { ... on Webhook { deliveries { nodes { id event { task { id } } } } } } }`,
  );
  const { node } = shown.data as {
    node: { deliveries: { nodes: { id: string; event: { task: { id: string } } }[] } };
  };
  const delivery = node.deliveries.nodes.find(({ event }) => event.task.id === createTask.id);
  const sessionId = createTask.sessions[0].id;
  // What an agent says, and asks, as its follower stores it.
  const item = newId('item');
  const request = newId('request');
  await app.stored.sql(
    `with conversation as (
       insert into conversation (session_id, task_id, connection, is_open, sequence, position)
       select id, task_id, '{}', false, 1, 1 from session where id = :sessionId
     ), item as (
       insert into transcript_item (session_id, position, id, sequence, kind, data, text, is_complete, created_at, updated_at)
       select id, 1, :item, 1, 'tool_call', json_build_object('toolCallId', :word, 'title', :word, 'kind', :word,
         'status', 'completed', 'input', :word, 'outputBytes', 1, 'outputSource', 'texts', 'locations', json_build_array(
         json_build_object('path', :word)), 'changes', json_build_array(json_build_object('path', :word, 'newText', :word))),
         :word, true, now(), now() from session where id = :sessionId
     )
     insert into agent_request (id, session_id, workspace_id, launch, rpc_id, title, tool_call_position, options, state, created_at)
     select :request, session.id, task.workspace_id, 1, '1', :word, 1,
       json_build_array(json_build_object('id', :word, 'name', :word, 'kind', 'allow_once')), 'open', now()
     from session join task on task.id = session.task_id where session.id = :sessionId`.replaceAll(
      /:(\w+)(?!:)/g,
      (_, name: string) => `'${{ sessionId, item, request, word }[name]}'::text`,
    ),
  );
  const [prompt] = await app.stored.sql<{ id: string }>('select id from prompt where session_id = ?', [
    sessionId,
  ]);
  return {
    item,
    request,
    prompt: prompt?.id ?? '',
    webhook: createWebhook.webhook.id,
    delivery: delivery?.id as string,
    task: createTask.id,
    project: createTask.project.id,
    session: createTask.sessions[0].id,
    event: createTask.events.nodes[0].id,
  };
}

interface Answer {
  readonly data?: unknown;
  readonly errors?: readonly { readonly extensions: Readonly<Record<string, unknown>> }[];
}

/** The answer over each transport. Subscriptions have the WebSocket alone: their first message. */
async function answers(role: Role, operation: string): Promise<Answer[]> {
  const { payload } = await sockets[role].run({ query: operation });
  const overWebSocket = Array.isArray(payload) ? { errors: payload } : (payload as Answer);
  if (operation.startsWith('subscription')) return [overWebSocket];
  const { status: _, ...overHttp } = await fetchGraphql(app.url, tokens[role], operation);
  return [overHttp, overWebSocket];
}

/** Answers in which ids do not matter. */
async function answersAbout(role: Role, field: RootField, ids: Ids): Promise<string[]> {
  const all = await Promise.all((field.about?.(ids) ?? []).map((operation) => answers(role, operation)));
  return all.flat().map((answer) => JSON.stringify(answer));
}

const codesOf = (all: readonly Answer[]) => all.map(({ errors }) => errors?.[0]?.extensions.code);
const mayCall = (role: Role, { from }: RootField) => roles.indexOf(role) >= roles.indexOf(from);

it('every root field and every argument that takes an id is known to this test', () => {
  const types = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  const names = types.flatMap((type) =>
    Object.keys(type?.getFields() ?? {}).map((field) => `${type?.name}.${field}`),
  );
  expect(Object.keys(rootFields).sort()).toEqual(names.sort());
  expect(idArgumentsOf(schema)).toEqual(idArguments);
});

function idArgumentsOf(of: GraphQLSchema): string[] {
  return Object.values(of.getTypeMap())
    .flatMap((type) => {
      if (isInputObjectType(type)) {
        const fields = Object.values(type.getFields()).filter(
          (field) => getNamedType(field.type).name === 'ID',
        );
        return fields.map(({ name }) => `${type}.${name}`);
      }
      if (!isObjectType(type) || type.name.startsWith('__')) return [];
      return Object.values(type.getFields()).flatMap((field) =>
        field.args
          .filter((arg) => getNamedType(arg.type).name === 'ID')
          .map((arg) => `${type}.${field.name}(${arg.name})`),
      );
    })
    .sort();
}

describe.each(Object.entries(rootFields))('I13 %s', (_name, field) => {
  it('answers alike about what is foreign and what is missing', async () => {
    for (const role of roles) {
      const aboutMissing = await answersAbout(role, field, missing);
      expect(await answersAbout(role, field, foreign), role).toEqual(aboutMissing);
      if (role === 'task') expect(await answersAbout(role, field, neighbour), role).toEqual(aboutMissing);
    }
  });

  it('is FORBIDDEN exactly where the scopes do not allow it', async () => {
    for (const role of roles) {
      const operations = [...(field.about?.(missing) ?? []), ...(field.plain ? [field.plain] : [])];
      for (const operation of operations) {
        const codes = codesOf(await answers(role, operation));
        if (!mayCall(role, field)) expect(codes, role).toEqual(codes.map(() => 'FORBIDDEN'));
        else expect(codes, role).not.toContain('FORBIDDEN');
      }
    }
  });
});

describe('I13 all that can be selected', () => {
  const selections = new Selections(schema);
  const ofAdmins = ['apiTokens', 'webhooks'];
  const query = schema.getQueryType();
  const fields = ['viewer', 'tasks', 'projects', 'providers', 'rateLimit', 'agentRequests', ...ofAdmins];
  const reached = fields.map((name) => {
    const type = getNamedType(query?.getFields()[name]?.type) as GraphQLNamedType;
    return [name, `{ ${name} ${selections.of(type, name === 'tasks' ? 3 : 4)} }`] as [string, string];
  });
  // Deeper than one operation may ask from the list.
  const itemsOf = selections.of(schema.getType('TranscriptItemConnection') as GraphQLNamedType, 2);
  const eventsOf = selections.of(schema.getType('TaskEventConnection') as GraphQLNamedType, 2);
  reached.push(
    ['tasks, in transcripts', `{ tasks(first: 5) { nodes { sessions { items(first: 3) ${itemsOf} } } } }`],
    ['tasks, in histories', `{ tasks(first: 5) { nodes { events(first: 3) ${eventsOf} } } }`],
  );

  it('is every field of every type', () => {
    const payloads = new Set(['CreatedToken', 'WebhookSecret', 'TranscriptUpdate', 'TextAppend']);
    const all = Object.values(schema.getTypeMap()).flatMap((type) =>
      isObjectType(type) && !type.name.startsWith('__') && !payloads.has(type.name)
        ? Object.keys(type.getFields()).map((field) => `${type}.${field}`)
        : [],
    );
    const fields = all.filter((field) => !/^(Query|Mutation|Subscription)\./.test(field));
    expect([...selections.selected].sort()).toEqual(fields.sort());
  });

  it.each(reached)(
    'below Query.%s shows nothing foreign, and a task token nothing but its task',
    async (name, operation) => {
      for (const role of roles.filter(
        (each) => !ofAdmins.includes(name) || each === 'admin' || each === 'owner',
      )) {
        for (const answer of await answers(role, operation)) {
          expect(answer.errors).toBeUndefined();
          const text = JSON.stringify(answer.data);
          for (const secret of [foreignWord, ...Object.values(foreign)]) expect(text).not.toContain(secret);
          if (role === 'task') {
            const { workspace: _, ...others } = neighbour;
            for (const secret of [neighbourWord, ...Object.values(others)])
              expect(text).not.toContain(secret);
          }
        }
      }
    },
  );
});

it('I13 a live list shows nothing foreign, and a task token nothing but its task', async () => {
  const lists = roles.map((role) =>
    sockets[role].subscribe({ query: 'subscription { tasksUpdated { prompt } }' }),
  );
  // Answered after the subscriptions are open, because a socket handles its messages in order.
  for (const role of roles) await sockets[role].run({ query: '{ viewer { scopes } }' });
  for (const id of [foreign.task, neighbour.task]) await app.stored.revise(id);
  const { tasks } = await app.ask<{ tasks: { nodes: { id: string; prompt: string }[] } }>(
    '{ tasks(filter: { search: "mine" }) { nodes { id prompt } } }',
  );
  const own = await fetchGraphql(app.url, tokens.task, '{ tasks { nodes { id } } }');
  const [{ id }] = (own.data as { tasks: { nodes: [{ id: string }] } }).tasks.nodes;
  expect(tasks.nodes.map((node) => node.id)).toContain(id);
  await app.stored.revise(id);
  for (const [index, list] of lists.entries()) {
    const seen: string[] = [];
    while (!seen.includes('mine')) {
      const { payload } = await list.next();
      seen.push((payload as { data: { tasksUpdated: { prompt: string } } }).data.tasksUpdated.prompt);
    }
    expect(seen).toEqual(roles[index] === 'task' ? ['mine'] : [neighbourWord, 'mine']);
    list.complete();
  }
});

it('an ADMIN makes no token of another workspace, foreign or missing, and the owner makes one of any that exists', async () => {
  const operation = (id: string) =>
    `mutation { createApiToken${input(`workspaceId: "${id}", name: "x", scopes: [TASKS_READ]`)} { token } }`;
  for (const { workspace } of [foreign, missing]) {
    expect(codesOf(await answers('admin', operation(workspace)))).toEqual(['FORBIDDEN', 'FORBIDDEN']);
  }
  expect(codesOf(await answers('owner', operation(foreign.workspace)))).toEqual([undefined, undefined]);
  expect(codesOf(await answers('owner', operation(missing.workspace)))).toEqual(['NOT_FOUND', 'NOT_FOUND']);
});
