// Agents that talk in many sessions, and a subscriber of each that notes when it sees what they have said.
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { fetchGraphql } from '../../test/support/fetch-graphql.ts';
import { openLightClient } from '../light-client.ts';
import { type Spread, spreadOf } from '../statistics.ts';
import { startTalkingAgents, type TalkingAgent } from '../talking-agents.ts';
import { finish, inParallel, reach, readSpec } from './load.ts';

export interface TalkSpec {
  readonly url: string;
  readonly token: string;
  readonly databaseUrl: string;
  readonly repoUrl: string;
  /** Where the agents are. */
  readonly port: number;
  readonly sessions: number;
  /** Without one the sessions are only followed. */
  readonly talk?: Talk;
}

export interface Talk {
  /** Pieces a second of all sessions together, and for how long. */
  readonly rate: number;
  readonly seconds: number;
  /** Pieces of each session that are said as fast as they are taken. */
  readonly burst: number;
  /** One message of that many pieces, and of so many characters. */
  readonly pieces: number;
  readonly characters: number;
  /** Items of the transcript that is opened. */
  readonly items: number;
}

export interface Talked {
  readonly latency: Spread;
  /** Pieces that subscribers have not seen. */
  readonly missing: number;
  readonly piecesPerSecond: number;
  /** The same pieces, a hundred rows in each statement of raw pg. */
  readonly rowsPerSecond: number;
  /** Bytes of WAL for the long message, and for the same text in one statement. */
  readonly walBytes: number;
  readonly walBytesOfText: number;
  /** Milliseconds until the last page, and until a subscriber from 0 has all items. */
  readonly pageMs: number;
  readonly replayMs: number;
  /** To read the same rows with raw pg. */
  readonly rowsMs: number;
}

const spec = readSpec<TalkSpec>();
const agents = await startTalkingAgents(spec.port);
const database = new Client(spec.databaseUrl);
await database.connect();
const ask = async <T>(query: string, variables: Record<string, unknown> = {}) => {
  const { data, errors } = await fetchGraphql(spec.url, spec.token, query, variables);
  if (!data) throw new Error(JSON.stringify(errors));
  return data as T;
};
const until = async (is: () => boolean, patience = 6_000) => {
  for (let turn = 0; turn < patience && !is(); turn += 1) await delay(10);
  return is();
};

await reach('no sessions');
const sessionIds: string[] = [];
await inParallel(Array.from({ length: spec.sessions }), 4, async () => {
  const { createTask } = await ask<{ createTask: { sessions: [{ id: string }] } }>(
    'mutation ($input: CreateTaskInput!) { createTask(input: $input) { sessions { id } } }',
    { input: { repoUrl: spec.repoUrl, prompt: 'Talk' } },
  );
  sessionIds.push(createTask.sessions[0].id);
});
const agentOf = (id: string) => agents.get(id.replaceAll('_', '-')) as TalkingAgent;
if (!(await until(() => sessionIds.every((id) => agentOf(id)?.isReady)))) throw new Error('no sessions');
await delay(2_000);
await reach('sessions are followed');
finish(spec.talk && (await talk(spec.talk)));

async function talk({ rate, seconds, burst, pieces, characters, items }: Talk): Promise<Talked> {
  /** When each piece was said, by its number. */
  const said = new Map<number, number>();
  const latencies: number[] = [];
  let ended = 0;
  const socket = `${spec.url.replace('http', 'ws')}/graphql`;
  const onMessage = (payload: Buffer) => {
    const now = performance.now();
    const message = payload.toString();
    for (const [, number] of message.matchAll(/#(\d+)#/g)) {
      const began = said.get(Number(number));
      if (began === undefined) continue;
      said.delete(Number(number));
      latencies.push(now - began);
    }
    if (message.includes('"stopReason"')) ended += 1;
  };
  const [first = ''] = sessionIds;
  for (const id of sessionIds) {
    (await openLightClient(socket, { token: spec.token, graphql: true }, onMessage)).send(
      subscribe(id, null),
    );
  }

  // Piece to subscriber.
  const count = Math.round(rate * seconds);
  const began = performance.now();
  for (let piece = 0; piece < count; piece += 1) {
    const wait = began + (piece * 1_000) / rate - performance.now();
    if (wait > 1) await delay(wait);
    said.set(piece, performance.now());
    agentOf(sessionIds[piece % sessionIds.length] as string).say(`#${piece}# `);
  }
  await until(() => said.size === 0, 500);
  const missing = said.size;

  // Pieces a second, to the end of the last turn.
  const burstAt = performance.now();
  for (let piece = 0; piece < burst; piece += 1) {
    for (const id of sessionIds) agentOf(id).say('a word or two ');
    if (piece % 20 === 0) await delay(0);
  }
  for (const id of sessionIds) agentOf(id).endTurn();
  await until(() => ended >= sessionIds.length);
  const piecesPerSecond = (burst * sessionIds.length * 1_000) / (performance.now() - burstAt);
  const rowsPerSecond = await insertRows(first, burst * sessionIds.length);

  // One long message.
  const send = () =>
    ask('mutation ($id: ID!) { sendPrompt(input: { sessionId: $id, text: "Go on" }) { id } }', { id: first });
  const turn = async (talk: () => Promise<void>) => {
    await send();
    await until(() => agentOf(first).isReady);
    const before = ended;
    await talk();
    agentOf(first).endTurn();
    if (!(await until(() => ended > before))) throw new Error('a turn did not end');
  };
  const walBefore = await wal();
  await turn(async () => {
    for (let piece = 0; piece < pieces; piece += 1) {
      agentOf(first).say(randomText(characters / pieces));
      if (piece % 50 === 0) await delay(4);
    }
  });
  const walBytes = (await wal()) - walBefore;
  const textBefore = await wal();
  await database.query('create table if not exists bench_text (text text)');
  await database.query(
    'insert into bench_text select string_agg(md5(random()::text), $1) from generate_series(1, $2)',
    ['', Math.round(characters / 32)],
  );
  const walBytesOfText = (await wal()) - textBefore;

  // A long transcript.
  await turn(async () => {
    for (let item = 0; item < items; item += 1) {
      agentOf(first).say(`message ${item}`, String(item));
      if (item % 100 === 0) await delay(5);
    }
  });
  const pageAt = performance.now();
  await ask(
    'query ($id: ID!) { node(id: $id) { ... on Session { items(last: 100) { nodes { id position ... on AgentMessage { text } } } } } }',
    { id: first },
  );
  const pageMs = performance.now() - pageAt;
  const replayed = Promise.withResolvers<void>();
  const replay = await openLightClient(socket, { token: spec.token, graphql: true }, () =>
    replayed.resolve(),
  );
  const replayAt = performance.now();
  replay.send(subscribe(first, 0));
  await replayed.promise;
  const replayMs = performance.now() - replayAt;
  const rowsAt = performance.now();
  await database.query('select * from transcript_item where session_id = $1 order by position', [first]);
  const rowsMs = performance.now() - rowsAt;

  return {
    latency: spreadOf(latencies),
    missing,
    piecesPerSecond,
    rowsPerSecond,
    walBytes,
    walBytesOfText,
    pageMs,
    replayMs,
    rowsMs,
  };
}

function subscribe(id: string, after: number | null): string {
  return JSON.stringify({
    id: '1',
    type: 'subscribe',
    payload: {
      query: `subscription ($id: ID!, $after: Int) { transcriptUpdated(sessionId: $id, afterSequence: $after) { sequence
        items { id position ... on AgentMessage { text } ... on TurnEnd { stopReason } } appends { itemId offset text } } }`,
      variables: { id, after },
    },
  });
}

/** A text that PostgreSQL cannot compress to next to nothing. */
function randomText(length: number): string {
  return randomBytes(length).toString('base64').slice(0, length);
}

async function wal(): Promise<number> {
  const { rows } = await database.query<{ at: string }>(
    "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') as at",
  );
  return Number(rows[0]?.at);
}

async function insertRows(first: string, pieces: number): Promise<number> {
  await database.query('create table bench_piece (session_id text, sequence int, text text)');
  const rows = JSON.stringify(
    Array.from({ length: 100 }, (_, sequence) => ({ sequence, text: 'a word or two ' })),
  );
  const insertAt = performance.now();
  for (let piece = 0; piece < pieces; piece += 100) {
    await database.query(
      'insert into bench_piece select $1, * from jsonb_to_recordset($2::jsonb) as piece (sequence int, text text)',
      [first, rows],
    );
  }
  return (pieces * 1_000) / (performance.now() - insertAt);
}
