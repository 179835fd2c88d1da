import { owningSession } from '../resolvers/owning-session.ts';
import type {
  FileChange,
  FileLocation,
  PlanEntry,
  ToolCallStatus,
  TranscriptItem,
} from '../tasks/domain/transcript/item.ts';
import { builder } from './builder.ts';
import { connectionOf } from './connection.ts';
import { enumOf } from './enums.ts';
import { Node, typeOfItemKind } from './node.ts';
import { type ItemOf, SessionRef, TaskErrorRef, ToolCallRef, TranscriptItemRef } from './refs.ts';

TranscriptItemRef.implement({
  description:
    'One thing in a transcript. `position` is its place and never changes; `sequence` is the number of its last change. Kinds may be\nadded: clients show what they do not know by these fields, or not at all.',
  interfaces: [Node],
  resolveType: ({ kind }) => typeOfItemKind[kind],
  fields: (t) => ({
    session: t.field({
      type: SessionRef,
      description: 'The session, as it is now.',
      resolve: (item, _args, context) => owningSession(item, context),
    }),
    position: t.exposeInt('position', { description: '1 for the first item; there are no gaps.' }),
    sequence: t.exposeInt('sequence', {
      description: 'The number of its last change, of all changes of the transcript.',
    }),
    isComplete: t.exposeBoolean('isComplete', { description: 'Nothing more will change about it.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was first stored.' }),
    updatedAt: t.expose('updatedAt', {
      type: 'DateTime',
      description: 'When it last changed. Not promised to follow what is added to its text.',
    }),
  }),
});

export const TranscriptItemConnection = connectionOf('TranscriptItem', TranscriptItemRef as never);

/**
 * Lists that are stored with their item cost no statement, and an item has at most one kind of them. A page asks for those of all
 * kinds, so that each counted as long would use up a token's points by reading one long transcript.
 */
const storedWithItem = { multiplier: 1 };

const interfaces = [Node, TranscriptItemRef];
/** Tells which object type an item is of. */
const isOf = (kind: TranscriptItem['kind']) => (item: unknown) => (item as TranscriptItem).kind === kind;

builder.objectRef<ItemOf<'user_message'>>('UserMessage').implement({
  description: 'A prompt, as the agent got it.',
  interfaces,
  isTypeOf: isOf('user_message'),
  fields: (t) => ({ text: t.exposeString('text', { description: 'What was asked.' }) }),
});

builder.objectRef<ItemOf<'agent_message'>>('AgentMessage').implement({
  description: 'What the agent says.',
  interfaces,
  isTypeOf: isOf('agent_message'),
  fields: (t) => ({ text: t.exposeString('text', { description: 'Markdown.' }) }),
});

builder.objectRef<ItemOf<'agent_thought'>>('AgentThought').implement({
  description: 'What the agent thinks.',
  interfaces,
  isTypeOf: isOf('agent_thought'),
  fields: (t) => ({ text: t.exposeString('text', { description: 'Markdown.' }) }),
});

const ToolCallStatusEnum = enumOf<ToolCallStatus>('ToolCallStatus', 'The status of a tool call.', {
  pending: 'Not started: its input is not complete, or it waits for permission.',
  in_progress: 'Running.',
  completed: 'Finished.',
  failed: 'Failed, or its turn ended before it did.',
  canceled: 'Its turn was canceled.',
});

const FileLocationRef = builder.objectRef<FileLocation>('FileLocation');
FileLocationRef.implement({
  description: 'A place in a file.',
  fields: (t) => ({
    path: t.exposeString('path', { description: 'The path in the sandbox.' }),
    line: t.exposeInt('line', { nullable: true, description: 'The line, where the agent names one.' }),
  }),
});

const FileChangeRef = builder.objectRef<FileChange>('FileChange');
FileChangeRef.implement({
  description: 'A change of a file.',
  fields: (t) => ({
    path: t.exposeString('path', { description: 'The path in the sandbox.' }),
    oldText: t.exposeString('oldText', { nullable: true, description: 'Null for a file that is new.' }),
    newText: t.exposeString('newText', { description: 'What the text becomes.' }),
  }),
});

ToolCallRef.implement({
  description: 'The use of a tool by the agent.',
  interfaces,
  isTypeOf: isOf('tool_call'),
  fields: (t) => ({
    toolCallId: t.string({
      description: "The agent's own id of it.",
      resolve: ({ data }) => data.toolCallId,
    }),
    title: t.string({ description: 'What it does, for people.', resolve: ({ data }) => data.title }),
    kind: t.string({
      description:
        '`read`, `edit`, `execute`, `search`, `fetch`, `think`, `other` and so on: the word of the protocol.',
      resolve: ({ data }) => data.kind,
    }),
    status: t.field({
      type: ToolCallStatusEnum,
      description: 'How far it has come.',
      resolve: ({ data }) => data.status,
    }),
    input: t.field({
      type: 'JSON',
      nullable: true,
      description: 'What the tool was given.',
      resolve: ({ data }) => data.input,
    }),
    output: t.exposeString('text', {
      description:
        'What it gave back, as text. Past 64 KiB its beginning and its end, with a line between that says how much is left out.',
    }),
    outputBytes: t.int({
      description: 'How much it gave back, in bytes of UTF-8.',
      resolve: ({ data }) => data.outputBytes,
    }),
    locations: t.field({
      type: [FileLocationRef],
      description: 'Files that it touches.',
      complexity: storedWithItem,
      resolve: ({ data }) => data.locations,
    }),
    changes: t.field({
      type: [FileChangeRef],
      description: 'What it changes in files, as the agent says.',
      complexity: storedWithItem,
      resolve: ({ data }) => data.changes,
    }),
  }),
});

const PlanEntryRef = builder.objectRef<PlanEntry>('PlanEntry');
PlanEntryRef.implement({
  description: 'One step of a plan.',
  fields: (t) => ({
    content: t.exposeString('content', { description: 'What is to be done.' }),
    status: t.exposeString('status', { description: '`pending`, `in_progress` or `completed`.' }),
    priority: t.exposeString('priority', { description: '`high`, `medium` or `low`.' }),
  }),
});

builder.objectRef<ItemOf<'plan'>>('Plan').implement({
  description: "The agent's plan. Each new one takes the place of the one before in its turn.",
  interfaces,
  isTypeOf: isOf('plan'),
  fields: (t) => ({
    entries: t.field({
      type: [PlanEntryRef],
      description: 'The steps, in their order.',
      complexity: storedWithItem,
      resolve: ({ data }) => data.entries,
    }),
  }),
});

builder.objectRef<ItemOf<'turn_end'>>('TurnEnd').implement({
  description: 'The end of what the agent did for one prompt.',
  interfaces,
  isTypeOf: isOf('turn_end'),
  fields: (t) => ({
    stopReason: t.string({
      description: 'END_TURN, CANCELED, REFUSAL, MAX_TOKENS, MAX_TURN_REQUESTS, FAILED; more may come.',
      resolve: ({ data }) => data.stopReason,
    }),
    error: t.field({
      type: TaskErrorRef,
      nullable: true,
      description: 'Set when the stop reason is FAILED.',
      resolve: ({ data }) => data.error,
    }),
  }),
});

builder.objectRef<ItemOf<'notice'>>('Notice').implement({
  description: 'What is said about the transcript itself.',
  interfaces,
  isTypeOf: isOf('notice'),
  fields: (t) => ({
    code: t.string({
      description:
        'AGENT_RESTARTED (its memory of the conversation is gone), MESSAGES_LOST, MESSAGE_UNREADABLE, EARLIER_PROMPT_ENDED; more may come.',
      resolve: ({ data }) => data.code,
    }),
    text: t.exposeString('text', { description: 'A sentence for people.' }),
  }),
});
