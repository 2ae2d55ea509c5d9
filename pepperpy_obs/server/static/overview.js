// The overview: figures, charts of the window's steps, tables.

import * as charts from "./charts.js";
import { h } from "./dom.js";
import * as format from "./format.js";
import { tiles, warnings } from "./figures.js";
import { href } from "./state.js";
import * as tables from "./tables.js";
import * as trace from "./trace.js";

const CHARTS = ["calls", "latency", "heat", "cost", "tokens", "running"];

const opened = new Set();

/** Show the figures of a chart as a table, or no longer. */
export function list(name, isOpen) {
  if (isOpen) opened.add(name);
  else opened.delete(name);
}

export function view(state, found, now) {
  const { stats, total, health, traces, events } = found;
  const fields = Object.keys(state.filters).filter((name) => !tables.isLabel(name));
  const by = fields.join(" and ");
  const part = { callsKnown: fields.length === 0, active: stats.agents.active, sentence: `Calls are not counted by ${by}.` };
  const partial = !part.callsKnown && `Only requests, tokens and costs are counted by ${by}; calls and their durations are not.`;
  return [
    firing(found.alerts),
    said(warnings(stats)),
    partial && h("p.banner", { "data-key": "partial" }, partial),
    tiles(stats, total && !total.refused ? total : null, part),
    h("div.charts", { "data-key": "charts" }, CHARTS.map((name) => frame(name, state, found.history, stats, part))),
    h("div.two", { "data-key": "two-1" }, tables.spending(stats, state, stats.rows), part.callsKnown ? tables.operations(stats, state, stats.rows) : tables.card("operations", "Operations", null, tables.empty(part.sentence))),
    h("div.three", { "data-key": "three" }, part.callsKnown ? tables.agents(stats, state) : tables.card("agents", "Agents at work", null, tables.empty(part.sentence)), tables.caches(stats), tables.health(health)),
    odd(found.anomalies),
    h("div.two", { "data-key": "two-2" }, trace.list(traces, now), trace.calls(events, now)),
  ];
}

const FIGURES = { errors: format.share, latency: format.seconds, cost: (value) => `${format.money(value)} a request`, traffic: (value) => `${format.count(value)} calls` };

/** List what was odd of late; nothing if nothing was, or if the source keeps no history to judge by. */
function odd(report) {
  if (!report?.anomalies?.length) return null;
  const rows = report.anomalies.flatMap((one) => one.findings.map((finding) => {
    const figure = FIGURES[finding.what] || format.count;
    const name = finding.trace_id
      ? h("a.name", { href: href({ trace: finding.trace_id }), "data-go": true }, finding.operation)
      : finding.operation;
    return h("tr", { "data-key": `odd-${one.start}-${one.agent}-${finding.what}-${finding.operation}` },
      h("th", { scope: "row" }, name), h("td", null, one.agent), h("td", null, finding.what),
      h("td.n", null, figure(finding.expected)), h("td.n.bad", null, figure(finding.seen)),
      h("td.n.dim", null, new Date(one.start).toLocaleString("en-GB")));
  }));
  return h("div", { "data-key": "anomalies", class: "one" }, tables.card("anomalies", "Anomalies of the last day", null,
    tables.table("Anomalies", [["operation"], ["agent"], ["figure"], ["expected", "n"], ["seen", "n"], ["from", "n"]], rows)));
}

/** Say which rules fire, and which are about to. */
function firing(alerts) {
  const open = (alerts?.alerts || []).filter((one) => one.state !== "resolved");
  if (!open.length) return null;
  const line = (one) => {
    const labels = Object.entries(one.labels).map(([name, value]) => `${name} ${value}`).join(", ");
    const since = one.fired_at || one.active_at;
    return [
      h("b", null, one.state === "firing" ? `${one.severity}: ` : "about to fire: ", one.rule.replaceAll("_", " "), ". "),
      labels && `${labels}; `, `now ${format.count(one.value)}`, since && `, since ${format.clock(new Date(since))}`,
    ];
  };
  const tone = open.some((one) => one.state === "firing") ? "bad" : "warn";
  return h("ul.banner.list", { "data-key": "alerts", "data-tone": tone, "aria-label": "Alerts" },
    open.map((one) => h("li", { "data-key": `alert-${one.rule}-${JSON.stringify(one.labels)}` }, line(one))));
}

function said(found) {
  if (!found.length) return null;
  return h("ul.banner.list", { "data-key": "warnings", "data-tone": "warn", "aria-label": "What is not known" },
    found.map(([name, title, text]) => h("li", { "data-key": `warn-${name}` }, h("b", null, title, ". "), text)));
}

const OF_CALLS = ["calls", "latency", "heat"];
const TITLES = {
  calls: "Calls",
  latency: "Latency",
  heat: "Latency, every call",
  cost: "Cost",
  tokens: "Tokens",
  running: "Cost, added up",
};

function frame(name, state, history, stats, part) {
  const groups = tables.namesOf(stats.cost.groups).filter((one) => one !== "day");
  const tools = name === "cost"
    ? h("nav.tabs", { "aria-label": "Cost chart by" }, groups.map((one) => h("a", { href: href({ by: one }), "data-go": true, "aria-current": one === state.by ? "true" : false }, one)))
    : null;
  if (!part.callsKnown && OF_CALLS.includes(name)) return tables.card(`chart-${name}`, TITLES[name], null, tables.empty(part.sentence));
  const words = history.refused || describe(name, history);
  return tables.card(
    `chart-${name}`, TITLES[name], tools,
    history.refused ? tables.empty(history.refused) : h("div.chart", { id: `chart-${name}`, role: "img", "aria-label": words, "data-own": true, "data-key": `box-${name}` }),
    !history.refused && h("details.data", { "data-key": `data-${name}`, "data-figures": name }, h("summary", null, "Figures"), opened.has(name) && figures(name, history)),
  );
}

function totalOf(values) {
  return values.reduce((sum, value) => sum + Number(value || 0), 0);
}

function describe(name, history) {
  const steps = history.starts.length;
  const each = `${steps} steps of ${format.seconds(history.step)}`;
  if (!steps) return `${TITLES[name]}: no data yet`;
  const last = (values) => values.findLast((value) => value != null);
  return {
    calls: () => `Calls: ${format.count(totalOf(history.calls))} in ${each}, ${format.count(totalOf(history.errors))} failed, at most ${format.count(Math.max(...history.calls))} in one step`,
    latency: () => `Latency in ${each}: of late p50 ${format.seconds(last(history.p50))}, p95 ${format.seconds(last(history.p95))}, p99 ${format.seconds(last(history.p99))}`,
    heat: () => `Heat map of how many calls took how long, in ${each}`,
    cost: () => `Cost: ${format.money(totalOf(history.cost))} in ${each}`,
    tokens: () => `Tokens: ${format.count(totalOf(history.tokens.input || []) + totalOf(history.tokens.output || []))} in ${each}`,
    running: () => `Cost added up over ${each}: ${format.money(totalOf(history.cost))}`,
  }[name]();
}

function figures(name, history) {
  const rows = rowsOf(name, history);
  const order = history.starts.map((_, place) => place).reverse().slice(0, 120);
  return h("div.scroll", { tabindex: "0", role: "region", "aria-label": `${TITLES[name]}: figures` }, h(
    "table", null,
    h("thead", null, h("tr", null, h("th", { scope: "col" }, "from"), rows.map((row) => h("th.n", { scope: "col" }, row.name)))),
    h("tbody", null, order.map((place) => h("tr", null,
      h("th", { scope: "row" }, format.clock(new Date(history.starts[place] * 1000))),
      rows.map((row) => h("td.n", null, row.unit(row.values[place])))))),
  ));
}

function rowsOf(name, history) {
  const { series, ok, bad } = charts.palette();
  const row = (title, values, color, unit) => ({ name: title, values, color, unit });
  if (name === "calls") {
    const good = history.calls.map((calls, place) => (calls == null ? null : calls - history.errors[place]));
    return [row("went well", good, ok, format.count), row("failed", history.errors, bad, format.count)];
  }
  if (name === "latency") return [["p50", 0], ["p95", 1], ["p99", 3]].map(([one, n]) => row(one, history[one], series[n], format.seconds));
  if (name === "heat") return (history.heat.bounds || []).map((bound, level) => row(`≤ ${format.seconds(bound)}`, history.heat.counts.map((counts) => counts[level] || 0), null, format.count));
  if (name === "tokens") {
    const tokens = (kind) => history.tokens[kind] || history.starts.map(() => 0);
    const rest = (kind, part) => tokens(kind).map((value, place) => (value == null ? null : Math.max(0, value - (tokens(part)[place] || 0))));
    return [
      row("input", rest("input", "cache_read"), series[0], format.count),
      row("cached input", tokens("cache_read"), series[2], format.count),
      row("output", tokens("output"), series[1], format.count),
    ];
  }
  if (name === "running") {
    let sum = 0;
    return [row("cost so far", history.cost.map((value, place) => (history.calls[place] == null ? null : (sum += Number(value || 0)))), series[0], format.money)];
  }
  const groups = history.cost_by && Object.entries(history.cost_by.rows);
  if (!groups || !groups.length) return [row("cost", history.cost, series[0], format.money)];
  return groups.map(([group, values], place) => row(group, values, series[place % series.length], format.money));
}

/** Fill up the steps of the window in which nothing is known, so that an empty stretch is an empty stretch. */
function filled(history, window) {
  const { step, starts } = history;
  if (!starts.length) return { ...history, span: [history.now - window, history.now] };
  const count = Math.ceil(window / step);
  const last = starts.at(-1);
  const grid = Array.from({ length: count }, (_, place) => Math.round((last - (count - 1 - place) * step) * 1000) / 1000);
  const places = new Map(starts.map((start, place) => [Math.round(start * 1000) / 1000, place]));
  const spread = (values) => grid.map((start) => (places.has(start) ? values[places.get(start)] : null));
  const each = (rows) => Object.fromEntries(Object.entries(rows).map(([key, values]) => [key, spread(values)]));
  const lists = ["calls", "errors", "p50", "p95", "p99", "requests", "cost", "unpriced", "without_usage"];
  return {
    ...history,
    ...Object.fromEntries(lists.map((key) => [key, spread(history[key])])),
    starts: grid,
    tokens: each(history.tokens),
    heat: { ...history.heat, counts: spread(history.heat.counts).map((row) => row || []) },
    cost_by: history.cost_by && { ...history.cost_by, rows: each(history.cost_by.rows) },
    span: [grid[0], last + step],
  };
}

export function drawCharts(found) {
  const { history } = found;
  if (history.refused) return;
  const full = filled(history, history.window);
  for (const name of CHARTS) {
    if (name === "heat") {
      drawHeat(full, found.marks);
      continue;
    }
    const rows = name === "latency" ? ended(rowsOf(name, full), full) : rowsOf(name, full);
    const kind = ["calls", "cost", "tokens"].includes(name) ? "bars" : "line";
    charts.draw(name, { kind, rows, unit: rows[0].unit, starts: full.starts, span: full.span, marks: found.marks });
  }
}

/** Leave the step under way out of a line: quantiles of one that has just begun are those of a few calls. */
function ended(rows, history) {
  const known = rows[0].values.filter((one) => one != null).length;
  const isUnderWay = known > 1 && history.at < history.starts.at(-1) + history.step - 0.5;
  return isUnderWay ? rows.map((row) => ({ ...row, values: [...row.values.slice(0, -1), null] })) : rows;
}

function drawHeat(full, marks) {
  const { bounds, factor, counts } = full.heat;
  const low = bounds.length ? bounds[0] / factor : 0.001;
  const high = bounds.length ? bounds.at(-1) : 1;
  charts.draw("heat", {
    kind: "heat",
    rows: [{ name: "calls", values: full.starts.map(() => null), color: "transparent" }],
    unit: format.seconds,
    starts: full.starts,
    span: full.span,
    marks,
    range: [low, high > low ? high : low * 2],
    heat: { starts: full.starts, step: full.step, counts, bounds, factor },
  });
}
