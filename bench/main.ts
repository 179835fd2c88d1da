import { writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { type Figure, isMet, ratioOf, tableOf } from './figure.ts';
import { interrupt, isInterrupted } from './load-process.ts';
import { benchConversations } from './suites/conversations.ts';
import { benchCreate } from './suites/create.ts';
import { benchCreateClients } from './suites/create-clients.ts';
import { benchMillion } from './suites/million.ts';
import { benchProvisioning } from './suites/provisioning.ts';
import { benchRealtime } from './suites/realtime.ts';
import { benchRowSecurity } from './suites/row-security.ts';
import { benchSoak } from './suites/soak.ts';
import { benchStart } from './suites/start.ts';
import { readVersions } from './versions.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'string' }, tasks: { type: 'string' }, minutes: { type: 'string' } },
});

const suites: Readonly<Record<string, () => Promise<Figure[]>>> = {
  realtime: benchRealtime,
  create: benchCreate,
  'create-clients': benchCreateClients,
  provisioning: benchProvisioning,
  conversations: benchConversations,
  'row-security': benchRowSecurity,
  start: benchStart,
  million: () => benchMillion(values.tasks === undefined ? undefined : Number(values.tasks)),
  soak: () => benchSoak(values.minutes === undefined ? undefined : Number(values.minutes)),
};
/** Those that take many minutes run only when they are asked for. */
const usual = Object.keys(suites).filter((name) => name !== 'million' && name !== 'soak');
const chosen = positionals.length > 0 ? positionals : usual;
const unknown = chosen.find((name) => !Object.hasOwn(suites, name));
if (unknown !== undefined) {
  process.stderr.write(`bench: no suite ${unknown}; there is ${Object.keys(suites).join(', ')}\n`);
  process.exit(1);
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, interrupt);

const [load = 0] = loadavg();
if (load > cpus().length / 2) {
  process.stderr.write(`bench: the machine is busy (load ${load.toFixed(1)}): latencies are not its own\n`);
}
const figures: Figure[] = [];
for (const name of chosen) {
  try {
    const ofSuite = (await suites[name]?.()) ?? [];
    process.stdout.write(`${tableOf(ofSuite)}\n`);
    figures.push(...ofSuite);
  } catch (error) {
    process.stderr.write(`bench: ${name}: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
  // Each time: whatever happens to the next suite, what there is must not be lost.
  if (values.json !== undefined) await writeFigures(values.json);
  if (isInterrupted()) break;
}

async function writeFigures(path: string): Promise<void> {
  const rows = figures.map((figure) => ({ ...figure, ratio: ratioOf(figure), met: isMet(figure) }));
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, load };
  const all = { machine, versions: await readVersions(), figures: rows };
  await writeFile(path, `${JSON.stringify(all, null, 2)}\n`);
}
