// The page: reads the state from the address, asks, shows, and asks again while it is looked at.

import { attempt } from "./api.js";
import * as charts from "./charts.js";
import { bar } from "./controls.js";
import { h, show } from "./dom.js";
import * as format from "./format.js";
import * as overview from "./overview.js";
import { joined } from "./history.js";
import { asked, href, read, root } from "./state.js";
import * as trace from "./trace.js";

const EVERY = { "5m": 2000, "1h": 5000, "24h": 15000 };
const SELDOM = 10000;
const WHOLE = 120000;
const ROWS = 50;
const slow = new Map();
const main = document.getElementById("main");
const names = {};
let state = read();
let found = null;
let failure = null;
let answered = null;
let timer = null;
let running = null;
let told = "";
let past = null;

function theme() {
  const chosen = state.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  if (document.documentElement.dataset.theme !== chosen) {
    document.documentElement.dataset.theme = chosen;
    charts.forget();
  }
}

/** Remember names to choose from: what is chosen would hide all others. */
function remember(stats) {
  const groups = { ...stats.cost.groups, agent: { ...stats.agents.agents, ...stats.cost.groups.agent } };
  for (const [name, rows] of Object.entries(groups)) {
    if (["day", "operation", "provider"].includes(name)) continue;
    names[name] ||= new Set();
    for (const one of Object.keys(rows)) names[name].add(one);
  }
}

/** Ask for a part that changes slowly, or return what it was a moment ago. */
async function seldom(path, signal, stands = SELDOM) {
  const known = slow.get(path);
  if (known && Date.now() - known.at < stands) return known.answer;
  const answer = await attempt(path, signal);
  slow.set(path, { at: Date.now(), answer });
  return answer;
}

/** Ask for the whole history at first and every minute, and for its last steps in between. */
async function steps(signal) {
  const query = asked(state, { by: state.by });
  const whole = past?.query === query && !past.answer.refused && Date.now() - past.at < WHOLE ? past : null;
  if (!whole) {
    past = { query, at: Date.now(), answer: await attempt(`history?${query}`, signal) };
    return past.answer;
  }
  const { step } = whole.answer;
  const last = await attempt(`history?${asked(state, { by: state.by, window: `${3 * step}s`, step: `${step}s` })}`, signal);
  if (last.refused) return last;
  past = { ...whole, answer: joined(whole.answer, last) };
  return past.answer;
}

/** Return when alerts began to fire, and when something odd began. */
function marksOf(alerts, anomalies) {
  const fired = (alerts.alerts || []).filter((one) => one.fired_at).map((one) => one.fired_at);
  const odd = (anomalies.anomalies || []).map((one) => one.start);
  return [...fired, ...odd].map((at) => ({ at: Date.parse(at) / 1000 }));
}

async function gather(signal) {
  const health = await seldom("health", signal);
  if (state.trace) return { health, trace: await attempt(`traces/${encodeURIComponent(state.trace)}`, signal) };
  const chosen = new URLSearchParams(state.filters).toString();
  const parts = await Promise.all([
    attempt(`stats?${asked(state, { top: ROWS })}`, signal),
    seldom("stats?top=1", signal),
    steps(signal),
    attempt(`traces?limit=12&${chosen}`, signal),
    attempt(`events?limit=12&memory=1&${chosen}`, signal),
    Object.keys(state.filters).length && !Object.keys(names).length ? attempt(`stats?window=${state.window}&top=${ROWS}`, signal) : null,
  ]);
  const alerts = await seldom("alerts", signal);
  const anomalies = await seldom("anomalies", signal, WHOLE);
  const [stats, total, history, traces, events, all] = parts;
  if (all && !all.refused) remember(all);
  if (!stats.refused) remember(stats);
  return { stats, history: { ...history, now: Date.now() / 1000 }, total, traces, events, health, alerts, anomalies, marks: marksOf(alerts, anomalies) };
}

async function refresh() {
  clearTimeout(timer);
  running?.abort();
  const mine = (running = new AbortController());
  try {
    found = await gather(mine.signal);
    if (running !== mine) return;
    failure = null;
    answered = new Date();
  } catch (error) {
    if (running !== mine) return;
    failure = error;
  }
  render();
  if (state.live && !document.hidden && !(state.trace && !failure)) {
    timer = setTimeout(refresh, failure ? 4000 : EVERY[state.window] || 30000);
  }
}

function announce(text) {
  if (text !== told) document.getElementById("announce").textContent = told = text;
}

function render() {
  const now = Date.now();
  show(document.getElementById("bar"), bar(state, { found, failure, answered, names }));
  show(document.getElementById("banners"), stale());
  document.body.toggleAttribute("data-stale", Boolean(failure && found));
  if (!found) {
    if (failure) show(main, h("p.boot", null, `No answer from ${root.host}. It is asked again every few seconds.`));
    return;
  }
  if (found.trace) {
    show(main, trace.view(found.trace));
    charts.sweep();
    document.title = found.trace.spans ? `${found.trace.spans[0].operation} · pepperpy_obs` : "pepperpy_obs";
  } else if (found.stats.refused) {
    const isLong = ["7d", "30d"].includes(state.window);
    show(main, h("p.boot", null, found.stats.refused, isLong && h("span.hint", null, "Windows of more than a day take a store: set store_url, or open the page of a source that keeps them.")));
    charts.sweep();
  } else {
    show(main, overview.view(state, found, now));
    charts.sweep();
    overview.drawCharts(found);
    document.title = "pepperpy_obs";
  }
  main.setAttribute("aria-busy", "false");
}

function stale() {
  if (!failure) {
    announce(found ? "Figures are up to date" : "");
    return null;
  }
  const since = answered ? `since ${format.clock(answered)}` : "yet";
  announce(`No answer ${since}`);
  return h("p.banner", { "data-tone": "bad" }, h("b", null, `No answer ${since}. `), found ? "What is shown is as old as that; it is asked again every few seconds." : "It is asked again every few seconds.");
}

function go(where) {
  if (where !== location.pathname + location.search) history.pushState(null, "", where);
  const before = state;
  state = read();
  theme();
  if (before.trace !== state.trace) {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
  render();
  refresh();
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-go], [data-toggle], [data-inspect]");
  if (!target || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  if (target.dataset.toggle) trace.toggle(target.dataset.toggle);
  else if (target.dataset.inspect) trace.inspect(target.dataset.inspect);
  else {
    event.preventDefault();
    go(target.getAttribute("href"));
    return;
  }
  render();
});

document.addEventListener("change", (event) => {
  const name = event.target.dataset?.filter;
  if (name) go(href({ [name]: event.target.value || null }));
});

document.addEventListener("toggle", (event) => {
  const name = event.target.dataset?.figures;
  if (!name) return;
  overview.list(name, event.target.open);
  render();
}, true);

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && state.trace) go(href({ trace: null }));
  const button = event.target.closest?.(".tree button");
  if (!button || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
  const all = [...document.querySelectorAll(".tree button.open")];
  const row = button.closest("tr").querySelector("button.open");
  const next = all[all.indexOf(row) + (event.key === "ArrowDown" ? 1 : -1)];
  if (next) {
    event.preventDefault();
    next.focus();
  }
});

addEventListener("popstate", () => go(location.pathname + location.search));
addEventListener("resize", () => {
  charts.resize();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  theme();
  render();
});

theme();
render();
refresh();
