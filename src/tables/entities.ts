import { ApiTokenEntity, AuditEventEntity, LoginEntity, RateLimitEntity } from './entities/access.ts';
import {
  AgentRequestEntity,
  ConversationEntity,
  PromptEntity,
  TranscriptChunkEntity,
  TranscriptItemEntity,
} from './entities/conversations.ts';
import {
  IdempotencyKeyEntity,
  ProjectEntity,
  SandboxEntity,
  SessionEntity,
  TaskEntity,
  TaskEventEntity,
  TaskSearchEntity,
  WorkspaceEntity,
} from './entities/tasks.ts';
import { WebhookDeliveryEntity, WebhookEntity } from './entities/webhooks.ts';
import { SweepEntity, WorkerEntity } from './entities/workers.ts';

/** All tables. The migrations make them; a test compares the two (`migrator.checkSchema()`). */
export const entities = [
  WorkspaceEntity,
  ProjectEntity,
  TaskEntity,
  TaskSearchEntity,
  TaskEventEntity,
  SessionEntity,
  ConversationEntity,
  TranscriptItemEntity,
  TranscriptChunkEntity,
  PromptEntity,
  AgentRequestEntity,
  SandboxEntity,
  IdempotencyKeyEntity,
  ApiTokenEntity,
  LoginEntity,
  AuditEventEntity,
  WebhookEntity,
  WebhookDeliveryEntity,
  RateLimitEntity,
  WorkerEntity,
  SweepEntity,
] as const;
