import { sql } from 'kysely';
import type { Database } from '../../../tables/database.ts';
import type { TaskStatus } from '../../domain/status.ts';
import { actorOf, hasScope, onlyTaskOf, type Viewer } from '../../domain/viewer.ts';
import { selectEvents, selectTasks } from '../task-rows.ts';
import { addedText, type ItemRow, itemColumns } from '../transcript-rows.ts';
import { deliveryColumns, webhookColumns } from '../webhook-rows.ts';

/** Columns of a token that leave the database: never its hash. */
const tokenColumns = [
  'api_token.id',
  'api_token.workspace_id',
  'api_token.name',
  'api_token.scopes',
  'api_token.task_id',
  'api_token.prefix',
  'api_token.created_at',
  'api_token.expires_at',
  'api_token.revoked_at',
  'api_token.last_used_at',
] as const;

/**
 * The database as one viewer sees it: each select below begins with what is the viewer's, and nothing else of the database
 * can be reached through it. Resolvers are given this and no Database, so that a new one cannot forget the workspace.
 */
export class View {
  readonly viewer: Viewer;
  readonly #db: Database;

  constructor(db: Database, viewer: Viewer) {
    this.#db = db;
    this.viewer = viewer;
  }

  get workspaceId(): string {
    return this.viewer.workspace.id;
  }

  /** Who the history and the audit log say it was. */
  get actor(): string {
    return actorOf(this.viewer);
  }

  /** Tasks, each with its project. */
  tasks() {
    const only = onlyTaskOf(this.viewer);
    return selectTasks(this.#db)
      .where('task.workspace_id', '=', this.workspaceId)
      .$if(only !== null, (query) => query.where('task.id', '=', only));
  }

  /** Tasks without their projects, for reads that only look for them. */
  bareTasks() {
    const only = onlyTaskOf(this.viewer);
    return this.#db.kysely
      .selectFrom('task')
      .where('task.workspace_id', '=', this.workspaceId)
      .$if(only !== null, (query) => query.where('task.id', '=', only));
  }

  /**
   * These statuses, each once, to join with the tasks that have it. The list is in a select of its own, so that PostgreSQL does not
   * plan for its length each time.
   */
  statuses(statuses: readonly TaskStatus[]) {
    return this.#db.kysely.selectFrom(
      sql<{ status: TaskStatus }>`(select distinct unnest((select ${statuses}::text[])))`.as<'wanted'>(
        sql`wanted (status)`,
      ),
    );
  }

  /** Events, each with its task and its project. */
  events() {
    const only = onlyTaskOf(this.viewer);
    return selectEvents(this.#db)
      .where('task.workspace_id', '=', this.workspaceId)
      .$if(only !== null, (query) => query.where('task.id', '=', only));
  }

  /** The tasks of these ids, with the place of each in the list, to join with what belongs to them. */
  tasksAt(ids: readonly string[]) {
    const only = onlyTaskOf(this.viewer);
    return this.#db.kysely
      .selectFrom(
        sql<{ id: string; place: number }>`unnest((select ${ids}::text[])) with ordinality`.as<'parent'>(
          sql`parent (id, place)`,
        ),
      )
      .innerJoin('task', 'task.id', 'parent.id')
      .where('task.workspace_id', '=', this.workspaceId)
      .$if(only !== null, (query) => query.where('task.id', '=', only))
      .select(sql<number>`parent.place::int`.as('place'));
  }

  /** The sessions of these ids, with the place of each in the list, to join with what belongs to them. */
  sessionsAt(ids: readonly string[]) {
    const only = onlyTaskOf(this.viewer);
    return this.#db.kysely
      .selectFrom(
        sql<{ id: string; place: number }>`unnest((select ${ids}::text[])) with ordinality`.as<'parent'>(
          sql`parent (id, place)`,
        ),
      )
      .innerJoin('session', 'session.id', 'parent.id')
      .innerJoin('task', 'task.id', 'session.task_id')
      .where('task.workspace_id', '=', this.workspaceId)
      .$if(only !== null, (query) => query.where('task.id', '=', only))
      .select(sql<number>`parent.place::int`.as('place'));
  }

  /** Items of transcripts, found by `found`. */
  items() {
    const only = onlyTaskOf(this.viewer);
    return this.#db.kysely
      .selectFrom('transcript_item as found')
      .innerJoin('session', 'session.id', 'found.session_id')
      .innerJoin('task', 'task.id', 'session.task_id')
      .where('task.workspace_id', '=', this.workspaceId)
      .$if(only !== null, (query) => query.where('task.id', '=', only))
      .innerJoinLateral(
        sql<ItemRow>`(
          select ${itemColumns} from transcript_item item ${addedText}
          where item.session_id = found.session_id and item.position = found.position
        )`.as('item'),
        (join) => join.onTrue(),
      )
      .selectAll('item');
  }

  prompts() {
    const only = onlyTaskOf(this.viewer);
    return this.#db.kysely
      .selectFrom('prompt')
      .innerJoin('session', 'session.id', 'prompt.session_id')
      .innerJoin('task', 'task.id', 'session.task_id')
      .where('task.workspace_id', '=', this.workspaceId)
      .$if(only !== null, (query) => query.where('task.id', '=', only))
      .selectAll('prompt');
  }

  requests() {
    const only = onlyTaskOf(this.viewer);
    return this.#db.kysely
      .selectFrom('agent_request')
      .innerJoin('session', 'session.id', 'agent_request.session_id')
      .where('agent_request.workspace_id', '=', this.workspaceId)
      .$if(only !== null, (query) => query.where('session.task_id', '=', only))
      .selectAll('agent_request');
  }

  /** Runs reads that must see the same moment. */
  atOneMoment<T>(work: (view: View) => Promise<T>): Promise<T> {
    return this.#db.snapshot((db) => work(new View(db, this.viewer)));
  }

  /** These ids of projects with the place of each in the list, to join with the viewer's tasks of them. */
  placesOf(projectIds: readonly string[]) {
    return this.#db.kysely
      .selectFrom(
        sql<{
          id: string;
          place: number;
        }>`unnest((select ${projectIds}::text[])) with ordinality`.as<'parent'>(sql`parent (id, place)`),
      )
      .select(sql<number>`parent.place::int`.as('place'));
  }

  projects() {
    const only = onlyTaskOf(this.viewer);
    return this.#db.kysely
      .selectFrom('project')
      .select([
        'project.id',
        'project.workspace_id',
        'project.repo_url',
        'project.name',
        'project.created_at',
      ])
      .where('project.workspace_id', '=', this.workspaceId)
      .$if(only !== null, (query) =>
        query.where('project.id', '=', (task) =>
          task.selectFrom('task').select('task.project_id').where('task.id', '=', only),
        ),
      );
  }

  apiTokens() {
    return this.#db.kysely
      .selectFrom('api_token')
      .select(tokenColumns)
      .where('api_token.workspace_id', '=', this.workspaceId);
  }

  /** Webhooks, without their secrets. Nothing, without the scope ADMIN. */
  webhooks() {
    return this.#db.kysely
      .selectFrom('webhook')
      .select(webhookColumns)
      .where('webhook.workspace_id', '=', this.workspaceId)
      .where(sql.lit(hasScope(this.viewer, 'admin')));
  }

  /** Deliveries of those webhooks. */
  deliveries() {
    return this.webhooks()
      .clearSelect()
      .innerJoin('webhook_delivery', 'webhook_delivery.webhook_id', 'webhook.id')
      .select(deliveryColumns);
  }

  /** Those of these ids, with the place of each in the list, to join with what belongs to them. */
  webhooksAt(ids: readonly string[]) {
    return this.#db.kysely
      .selectFrom(
        sql<{ id: string; place: number }>`unnest((select ${ids}::text[])) with ordinality`.as<'parent'>(
          sql`parent (id, place)`,
        ),
      )
      .innerJoin('webhook', 'webhook.id', 'parent.id')
      .where('webhook.workspace_id', '=', this.workspaceId)
      .where(sql.lit(hasScope(this.viewer, 'admin')))
      .select(sql<number>`parent.place::int`.as('place'));
  }

  /** The whole database, for the use cases in `src/tasks`: what they write MUST be something that this view has shown. */
  static databaseOf(view: View): Database {
    return view.#db;
  }
}
