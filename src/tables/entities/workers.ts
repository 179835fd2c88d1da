import { defineEntity, p } from '@mikro-orm/core';
import { createdNow } from './columns.ts';

/** The workers that live. */
export const WorkerEntity = defineEntity({
  name: 'Worker',
  tableName: 'worker',
  properties: {
    id: p.text().primary(),
    /** The number of the advisory lock that the worker holds on a connection of its own. */
    lock: p.integer().autoincrement().generated('identity'),
    /** The ids under which Graphile Worker locks its jobs. */
    poolIds: p.array().columnType('text[]'),
    /** What its process is recognized by on its host; null: it cannot be recognized. */
    host: p.text().nullable(),
    pid: p.integer().nullable(),
    processStart: p.text().nullable(),
    /** Of which it reaches the sandboxes; null: unknown, it is of an earlier version. */
    locations: p.array().columnType('text[]').nullable(),
    startedAt: createdNow(),
    heartbeatAt: createdNow(),
  },
});

/** When a sweep that one worker makes for all was last made. */
export const SweepEntity = defineEntity({
  name: 'Sweep',
  tableName: 'sweep',
  properties: {
    name: p.text().primary(),
    sweptAt: createdNow(),
  },
});
