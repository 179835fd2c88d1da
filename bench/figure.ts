/** One line of the result. */
export interface Figure {
  readonly suite: string;
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  /** The same from what is below us, in the same run; `floor` says what that is. */
  readonly floor?: number;
  readonly floorIs?: string;
  /** The same by other means, in the same run, by their names. Each has a column of its own. */
  readonly peers?: Readonly<Record<string, number>>;
  /** What `value` has to be at most, or at least. */
  readonly goal?: { readonly atMost: number } | { readonly atLeast: number };
}

export function isMet({ value, goal }: Figure): boolean | undefined {
  if (!goal) return undefined;
  return 'atMost' in goal ? value <= goal.atMost : value >= goal.atLeast;
}

/** How many times the floor's cost ours is: above 1 is worse, also where more is better. */
export function ratioOf({ value, floor, unit }: Figure): number | undefined {
  if (floor === undefined) return undefined;
  return unit === '/s' ? floor / value : value / floor;
}

export function tableOf(figures: readonly Figure[]): string {
  const peers = [...new Set(figures.flatMap((figure) => Object.keys(figure.peers ?? {})))];
  const rows = figures.map((figure) => [
    `${figure.suite}: ${figure.name}`,
    `${round(figure.value)} ${figure.unit}`,
    figure.floor === undefined ? '' : `${round(figure.floor)} (${figure.floorIs})`,
    ratioOf(figure) === undefined ? '' : `${round(ratioOf(figure) as number)}×`,
    ...peers.map((peer) => figure.peers?.[peer]).map((value) => (value === undefined ? '' : round(value))),
    goalOf(figure),
  ]);
  const all = [['figure', 'value', 'floor', 'cost', ...peers, 'goal'], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function goalOf(figure: Figure): string {
  const { goal } = figure;
  if (!goal) return '';
  const text = 'atMost' in goal ? `≤ ${round(goal.atMost)}` : `≥ ${round(goal.atLeast)}`;
  return `${text} ${isMet(figure) ? 'met' : 'MISSED'}`;
}

function round(value: number): string {
  return value.toLocaleString('en', { maximumSignificantDigits: 3, useGrouping: false });
}
