// Charts over time, drawn by uPlot. Each says in words what it shows, and lists its figures as a table on demand.

import * as format from "./format.js";

const made = new Map();
let colors = null;

export function palette() {
  if (!colors) {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(name).trim();
    colors = {
      ink: of("--ink-2"),
      grid: of("--grid"),
      series: [1, 2, 3, 4, 5, 6, 7].map((n) => of(`--series-${n}`)),
      ok: of("--series-1"),
      bad: of("--bad"),
      heat: of("--heat"),
      panel: of("--panel"),
      mark: of("--warn"),
    };
  }
  return colors;
}

/** Forget all charts: colours have changed. */
export function forget() {
  colors = null;
  for (const chart of made.values()) {
    chart.plot.destroy();
    chart.said.remove();
  }
  made.clear();
}

function axes(unit, scale) {
  const { ink, grid } = palette();
  const font = "11px system-ui, sans-serif";
  const both = { stroke: ink, font, ticks: { show: false }, border: { show: false } };
  return [
    { ...both, grid: { show: false }, size: 28, gap: 6, space: 54, values: times },
    {
      ...both,
      grid: { stroke: grid, width: 1 },
      size: (_, labels) => Math.max(52, 15 + 6.4 * Math.max(0, ...(labels || []).map((one) => one.length))),
      gap: 6,
      space: 34,
      values: (_, ticks) => ticks.map((tick) => (tick == null ? "" : unit(tick))),
      ...(scale || {}),
    },
  ];
}

function times(plot, ticks) {
  const span = plot.scales.x.max - plot.scales.x.min;
  return ticks.map((tick) => {
    const date = new Date(tick * 1000);
    if (span > 172800) return date.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
    return format.clock(date, span <= 600);
  });
}

/** Draw marks: moments that stand out, such as an anomaly or an alert. */
function marks(chart) {
  return (plot) => {
    const context = plot.ctx;
    context.save();
    for (const mark of chart.marks || []) {
      const x = Math.round(plot.valToPos(mark.at, "x", true)) + 0.5;
      if (x < plot.bbox.left || x > plot.bbox.left + plot.bbox.width) continue;
      context.strokeStyle = palette().mark;
      context.setLineDash([4, 4]);
      context.beginPath();
      context.moveTo(x, plot.bbox.top);
      context.lineTo(x, plot.bbox.top + plot.bbox.height);
      context.stroke();
    }
    context.restore();
  };
}

function stacked(rows) {
  const sums = new Array(rows[0] ? rows[0].length : 0).fill(0);
  return rows.map((row) => row.map((value, place) => (sums[place] += value || 0)));
}

const SYNC = "time";

/** Return the places of values that stand alone: a line would not show them. */
function alone(plot, number) {
  const values = plot.data[number];
  const isKnown = (place) => values[place] != null;
  return values.map((_, place) => place).filter((place) => isKnown(place) && !isKnown(place - 1) && !isKnown(place + 1));
}

function options(chart, box) {
  const { rows, kind, unit, heat } = chart.spec;
  const stack = kind === "bars";
  const bars = uPlot.paths.bars({ size: [0.86, 40], align: 1 });
  const lines = uPlot.paths.linear();
  const series = rows.map((row) => ({
    label: row.name,
    stroke: row.color,
    fill: stack ? row.color : undefined,
    width: stack ? 0 : 1.75,
    paths: stack ? bars : lines,
    points: stack ? { show: false } : { show: true, size: 6, fill: row.color, width: 0, filter: alone },
    spanGaps: false,
    value: (_, __, ___, place) => (place == null ? "" : unit(row.values[place])),
  }));
  const span = () => [...chart.spec.span];
  return {
    width: box.clientWidth,
    height: 190,
    padding: [10, 26, 0, 0],
    cursor: { drag: { x: false, y: false }, sync: { key: SYNC, setSeries: false }, y: false, points: { show: !stack && !heat } },
    legend: { show: !heat, live: true, markers: { width: 0, fill: (_, place) => rows[place - 1]?.color } },
    scales: {
      x: { time: true, range: span },
      y: heat ? { distr: 3, log: 2, range: () => chart.spec.range } : { range: (_, low, high) => [0, high > 0 ? high * 1.12 : 1] },
    },
    axes: axes(unit, heat ? { space: 26, grid: { show: false } } : null),
    series: [{ value: (_, at) => (at == null ? "" : format.clock(new Date(at * 1000))) }, ...series],
    hooks: { draw: [marks(chart)], drawClear: heat ? [cells(chart)] : [], setCursor: heat ? [readout(chart)] : [] },
  };
}

/** Paint the cells of a heat map: the more calls of a step took so long, the stronger. */
function cells(chart) {
  return (plot) => {
    const { starts, step, counts, bounds, factor } = chart.spec.heat;
    const most = Math.max(1, ...counts.flat());
    const context = plot.ctx;
    context.save();
    context.beginPath();
    context.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
    context.clip();
    context.fillStyle = palette().heat;
    counts.forEach((row, place) => {
      const left = plot.valToPos(starts[place], "x", true);
      const right = plot.valToPos(starts[place] + step, "x", true);
      row.forEach((number, level) => {
        if (!number) return;
        const top = plot.valToPos(bounds[level], "y", true);
        const bottom = plot.valToPos(bounds[level] / factor, "y", true);
        context.globalAlpha = 0.12 + 0.88 * Math.sqrt(number / most);
        context.fillRect(left + 0.5, top + 0.5, Math.max(1, right - left - 1), Math.max(1, bottom - top - 1));
      });
    });
    context.restore();
  };
}

/** Say in words what the pointer is at. */
function readout(chart) {
  return (plot) => {
    const { starts, step, counts, bounds, factor } = chart.spec.heat;
    const { left, top } = plot.cursor;
    let text = "";
    if (left >= 0 && top >= 0) {
      const at = plot.posToVal(left, "x");
      const value = plot.posToVal(top, "y");
      const place = starts.findIndex((start) => at >= start && at < start + step);
      const level = bounds.findIndex((bound) => value <= bound);
      const number = counts[place]?.[level];
      if (number != null) {
        const when = format.clock(new Date(starts[place] * 1000));
        text = `${when} · ${format.seconds(bounds[level] / factor)} to ${format.seconds(bounds[level])} · ${format.count(number)} calls`;
      }
    }
    chart.said.textContent = text;
  };
}

function data(spec) {
  if (spec.heat) return [spec.starts, ...spec.rows.map((row) => row.values)];
  const rows = spec.rows.map((row) => row.values.map((value) => (value == null ? null : Number(value))));
  return [spec.starts, ...(spec.kind === "bars" ? stacked(rows).reverse() : rows)];
}

function shaped(spec) {
  // Bars are drawn from the tallest to the lowest, each over the one behind it.
  return spec.kind === "bars" ? { ...spec, rows: [...spec.rows].reverse(), given: spec } : { ...spec, given: spec };
}

/** Draw, or draw anew, the chart in the box of this name. */
export function draw(name, given) {
  const box = document.getElementById(`chart-${name}`);
  if (!box) return;
  const spec = shaped(given);
  const facts = JSON.stringify([given.kind, given.rows.map((row) => row.name), box.clientWidth, !!given.heat]);
  let chart = made.get(name);
  if (chart && (chart.facts !== facts || chart.box !== box)) {
    chart.plot.destroy();
    chart.said.remove();
    made.delete(name);
    chart = null;
  }
  if (!chart) {
    chart = { facts, box, spec, marks: given.marks, plot: null, said: document.createElement("p") };
    chart.said.className = "readout";
    chart.plot = new uPlot(options(chart, box), data(given), box);
    if (given.heat) box.append(chart.said);
    made.set(name, chart);
    return;
  }
  spec.rows.forEach((row, place) => {
    chart.spec.rows[place].values = row.values;
  });
  Object.assign(chart.spec, { starts: spec.starts, span: spec.span, heat: spec.heat, range: spec.range });
  chart.marks = given.marks;
  chart.plot.setData(data(given));
}

/** Fit the charts to their boxes. */
export function resize() {
  for (const chart of made.values()) {
    if (chart.box.isConnected) chart.plot.setSize({ width: chart.box.clientWidth, height: 190 });
  }
}

/** Let go of charts whose boxes are gone. */
export function sweep() {
  for (const [name, chart] of made) {
    if (!chart.box.isConnected) {
      chart.plot.destroy();
      made.delete(name);
    }
  }
}
