import type { FileChange, FileLocation, PlanEntry, ToolCallStatus } from './item.ts';
import type { RequestOption, RpcId } from './request.ts';

/** What an agent says of a tool call. What is left out is unchanged. */
export interface ToolCallSaid {
  readonly toolCallId: string;
  readonly title?: string;
  readonly kind?: string;
  readonly status?: ToolCallStatus;
  readonly input?: unknown;
  /** The text contents. Replaced as a whole, together with `changes`. */
  readonly texts?: readonly string[];
  readonly changes?: readonly FileChange[];
  readonly rawOutput?: unknown;
  readonly locations?: readonly FileLocation[];
}

/** One message of an agent, in the words of this project. */
export type Said =
  | {
      readonly type: 'chunk';
      readonly kind: 'agent_message' | 'agent_thought';
      readonly messageId: string | null;
      /** As it came: it may begin or end with half of a character, whose other half is in another chunk. */
      readonly text: string;
    }
  /** The agent repeats what it was asked. */
  | { readonly type: 'echo' }
  | { readonly type: 'toolCall'; readonly call: ToolCallSaid }
  | { readonly type: 'plan'; readonly entries: readonly PlanEntry[] }
  | {
      readonly type: 'response';
      readonly id: RpcId;
      readonly stopReason: string | null;
      readonly error: { readonly message: string } | null;
    }
  | {
      readonly type: 'permission';
      readonly rpcId: RpcId;
      readonly call: ToolCallSaid;
      readonly options: readonly RequestOption[];
    }
  /** A request that this client does not know. */
  | { readonly type: 'call'; readonly rpcId: RpcId; readonly method: string }
  | { readonly type: 'agentExited'; readonly code: number | null }
  /** Something that is no message of the protocol. */
  | { readonly type: 'unreadable'; readonly text: string }
  /** A message that nothing is shown of. */
  | { readonly type: 'other' };
