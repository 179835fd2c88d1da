import type { Project, Sandbox, Step, Task, TaskEvent, TaskFailure } from '../tasks/domain/task.ts';
import type { TaskSession } from '../tasks/domain/task-session.ts';
import type { TranscriptItem } from '../tasks/domain/transcript/item.ts';
import type { ApiToken } from '../tasks/domain/viewer.ts';
import type { Webhook, WebhookDelivery } from '../tasks/domain/webhook.ts';
import { builder } from './builder.ts';

/** An item of one kind. */
export type ItemOf<K extends TranscriptItem['kind']> = Extract<TranscriptItem, { kind: K }>;

// Types that refer to one another are declared here and implemented in a file each, which avoids import circles.

export const TaskRef = builder.objectRef<Task>('Task');
export const ProvisionStepRef = builder.objectRef<Step>('ProvisionStep');
export const TaskErrorRef = builder.objectRef<TaskFailure>('TaskError');
export const SandboxRef = builder.objectRef<Sandbox>('Sandbox');
export const SessionRef = builder.objectRef<TaskSession>('Session');
export const TaskEventRef = builder.objectRef<TaskEvent>('TaskEvent');
export const ApiTokenRef = builder.objectRef<ApiToken>('ApiToken');
export const TranscriptItemRef = builder.interfaceRef<TranscriptItem>('TranscriptItem');
export const ToolCallRef = builder.objectRef<ItemOf<'tool_call'>>('ToolCall');
export const ProjectRef = builder.objectRef<Project>('Project');
export const WebhookRef = builder.objectRef<Webhook>('Webhook');
export const WebhookDeliveryRef = builder.objectRef<WebhookDelivery>('WebhookDelivery');
