import type { TaskFailure, Timestamp } from '../task.ts';

export const itemKinds = [
  'user_message',
  'agent_message',
  'agent_thought',
  'tool_call',
  'plan',
  'turn_end',
  'notice',
] as const;
export type ItemKind = (typeof itemKinds)[number];

export const toolCallStatuses = ['pending', 'in_progress', 'completed', 'failed', 'canceled'] as const;
export type ToolCallStatus = (typeof toolCallStatuses)[number];

export interface FileLocation {
  readonly path: string;
  readonly line: number | null;
}

export interface FileChange {
  readonly path: string;
  /** Null for a file that is new. */
  readonly oldText: string | null;
  readonly newText: string;
}

export interface PlanEntry {
  readonly content: string;
  readonly status: string;
  readonly priority: string;
}

export interface MessageData {
  readonly messageId?: string;
}
export interface UserMessageData {
  readonly promptId: string;
}
export interface ToolCallData {
  readonly toolCallId: string;
  readonly title: string;
  readonly kind: string;
  readonly status: ToolCallStatus;
  readonly input: unknown;
  readonly outputBytes: number;
  /** What the output was made from. */
  readonly outputSource: 'texts' | 'raw' | 'none';
  readonly locations: readonly FileLocation[];
  readonly changes: readonly FileChange[];
}
export interface PlanData {
  readonly entries: readonly PlanEntry[];
}
export interface TurnEndData {
  readonly stopReason: string;
  readonly error: TaskFailure | null;
}
export interface NoticeData {
  readonly code: string;
}

/** What an item holds in addition to its text, by its kind. */
export interface DataOfKind {
  user_message: UserMessageData;
  agent_message: MessageData;
  agent_thought: MessageData;
  tool_call: ToolCallData;
  plan: PlanData;
  turn_end: TurnEndData;
  notice: NoticeData;
}
export type ItemData = DataOfKind[ItemKind];

/** One thing in a transcript, as it is stored. `text` is a message's text, a tool call's output or a notice's sentence. */
export type TranscriptItem = {
  [K in ItemKind]: {
    readonly id: string;
    readonly sessionId: string;
    readonly position: number;
    readonly sequence: number;
    readonly kind: K;
    readonly data: DataOfKind[K];
    readonly text: string;
    readonly isComplete: boolean;
    readonly createdAt: Timestamp;
    readonly updatedAt: Timestamp;
  };
}[ItemKind];

/** Text that was added to the end of an item's. */
export interface TextAppend {
  readonly itemId: string;
  /** The length of the text before, in UTF-16 code units. */
  readonly offset: number;
  readonly text: string;
  readonly sequence: number;
}

/** What has changed in a transcript after `fromSequence`: read at one moment, so that all of it is of `sequence`. */
export interface TranscriptUpdate {
  readonly sessionId: string;
  readonly fromSequence: number;
  readonly sequence: number;
  readonly items: readonly TranscriptItem[];
  readonly appends: readonly TextAppend[];
}

/** A change of one item, for the store. */
export type ItemChange =
  | {
      readonly type: 'insert';
      readonly position: number;
      readonly kind: ItemKind;
      readonly data: ItemData;
      readonly text: string;
      readonly isComplete: boolean;
    }
  /** Adds to the text, and changes nothing else. */
  | { readonly type: 'append'; readonly position: number; readonly offset: number; readonly text: string }
  /** `text` takes the place of the text before; null: `tail` is added to it. */
  | {
      readonly type: 'update';
      readonly position: number;
      readonly data: ItemData;
      readonly text: string | null;
      readonly tail: string;
      readonly isComplete: boolean;
    };
