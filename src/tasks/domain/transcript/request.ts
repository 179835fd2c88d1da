import type { Timestamp } from '../task.ts';

export const requestStates = ['open', 'answered', 'canceled', 'expired'] as const;
export type RequestState = (typeof requestStates)[number];

export const optionKinds = ['allow_once', 'allow_always', 'reject_once', 'reject_always'] as const;
export type OptionKind = (typeof optionKinds)[number];

export interface RequestOption {
  readonly id: string;
  readonly name: string;
  readonly kind: OptionKind;
}

/** The id that an agent gave to its request, as it came. */
export type RpcId = string | number | null;

/** What an agent waits for. */
export interface AgentRequest {
  readonly id: string;
  readonly sessionId: string;
  readonly title: string;
  /** The place of the tool call in the transcript; null: it is about none. */
  readonly toolCallPosition: number | null;
  readonly options: readonly RequestOption[];
  readonly state: RequestState;
  readonly answer: string | null;
  readonly createdAt: Timestamp;
  readonly answeredAt: Timestamp | null;
}
