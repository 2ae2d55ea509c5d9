// A history of which the last steps are asked for anew: joined, it is what would have been answered as a whole.

const LISTS = [
  "starts", "calls", "errors", "p50", "p95", "p99", "requests", "cost", "unpriced", "without_usage", "cache_hits",
  "cache_lookups",
];

/** Return the history with its last steps replaced, and those that have left the window dropped. */
export function joined(before, last) {
  if (!last.starts.length) return before;
  const from = last.starts[0];
  const end = last.starts.at(-1);
  const count = Math.ceil(before.window / before.step);
  const first = end - (count - 1) * before.step;
  const kept = before.starts.map((_, place) => place).filter((place) => before.starts[place] < from && before.starts[place] >= first - 0.001);
  const list = (mine, its, none) => [
    ...kept.map((place) => (mine ? mine[place] : none)),
    ...(its || last.starts.map(() => none)),
  ];
  const rows = (mine, its, none) => {
    const names = new Set([...Object.keys(mine), ...Object.keys(its)]);
    return Object.fromEntries([...names].map((name) => [name, list(mine[name], its[name], none)]));
  };
  return {
    ...last,
    window: before.window,
    ...Object.fromEntries(LISTS.map((name) => [name, list(before[name], last[name], null)])),
    tokens: rows(before.tokens, last.tokens, 0),
    cost_by: last.cost_by && { ...last.cost_by, rows: rows(before.cost_by.rows, last.cost_by.rows, "0") },
    heat: heat(before.heat, last.heat, kept),
  };
}

/** Bring both heat maps to the rows of the coarser one: bounds of one are bounds of the other. */
function heat(before, last, kept) {
  const counts = (one, places) => places.map((place) => one.counts[place]);
  const all = last.counts.map((_, place) => place);
  if (!before.bounds.length) return { ...last, counts: [...kept.map(() => []), ...last.counts] };
  if (!last.bounds.length) return { ...before, counts: [...counts(before, kept), ...last.counts.map(() => [])] };
  const coarse = before.factor >= last.factor ? before : last;
  const power = Math.log2(coarse.factor);
  const level = (bound) => Math.ceil(Math.log2(bound) / power - 1e-9);
  const ends = [...before.bounds, ...last.bounds].map(level);
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const moved = (one, row) => {
    const sums = new Array(high - low + 1).fill(0);
    row.forEach((number, place) => {
      sums[level(one.bounds[place]) - low] += number;
    });
    return sums;
  };
  return {
    factor: coarse.factor,
    bounds: Array.from({ length: high - low + 1 }, (_, place) => 2 ** ((low + place) * power)),
    counts: [...counts(before, kept).map((row) => moved(before, row)), ...counts(last, all).map((row) => moved(last, row))],
  };
}
