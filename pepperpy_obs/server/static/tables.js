// Tables: where the money goes, operations, agents, caches, health.

import { h } from "./dom.js";
import * as format from "./format.js";
import { href, isLabel } from "./state.js";

function head(columns) {
  return h("thead", null, h("tr", null, columns.map(([name, kind]) => h("th", { scope: "col", class: kind || "" }, name))));
}

export function table(caption, columns, rows) {
  return h(
    "div.scroll", { tabindex: "0", role: "region", "aria-label": `${caption}, table` },
    h("table", null, h("caption.sr", null, caption), head(columns), h("tbody", null, rows)),
  );
}

function link(name, value, state) {
  const chosen = state.filters[name] === value;
  const where = href({ [name]: chosen ? null : value });
  return h("a.name", { href: where, "data-go": true, "aria-current": chosen ? "true" : false, title: chosen ? `show all again, not only ${value}` : `show only ${name} ${value}` }, value);
}

/** The fields by which there is something to tell apart. */
export function namesOf(groups) {
  const told = Object.keys(groups).filter((name) => Object.keys(groups[name]).some((one) => one !== "(none)"));
  return told.length ? told : Object.keys(groups);
}

/** Costs by whatever they are counted by, with a tab for each. */
export function spending(stats, state, rows) {
  const groups = stats.cost.groups;
  const names = namesOf(groups);
  const chosen = names.includes(state.table) ? state.table : names[0];
  const group = groups[chosen] || {};
  const total = Number(stats.cost.total_cost);
  const most = rows ? rows[chosen] : undefined;
  const shown = Object.entries(group);
  const tabs = h(
    "nav.tabs", { "aria-label": "Cost by" },
    names.map((name) => h("a", { href: href({ table: name }), "data-go": true, "aria-current": name === chosen ? "true" : false }, name)),
  );
  const body = shown.map(([name, one]) => {
    const part = total > 0 && one.cost != null ? Number(one.cost) / total : 0;
    const unknown = one.unpriced + one.without_usage;
    return h(
      "tr", { "data-key": `${chosen}-${name}` },
      h("th", { scope: "row" }, chosen === "day" ? name : link(chosen, name, state)),
      h("td.n", null, h("data", { value: one.cost ?? "", title: one.cost ?? "not known", "data-cost": `${chosen}:${name}` }, one.cost == null ? "unknown" : `${unknown ? "≥ " : ""}${format.money(one.cost)}`)),
      h("td.meter", null, h("span.bar-of", { share: part.toFixed(4), "aria-hidden": "true" }), h("span.sr", null, format.share(part))),
      h("td.n", null, format.count(one.requests)),
      h("td.n", null, format.count(one.tokens)),
      h("td.n", null, format.money(one.cost_per_request)),
      h("td.n", { class: unknown ? "warn" : "" }, unknown ? format.count(unknown) : "0"),
    );
  });
  return card(
    "spending", "Where the money goes", tabs,
    shown.length
      ? table(`Cost by ${chosen}`, [[chosen], ["cost", "n"], ["share"], ["requests", "n"], ["tokens", "n"], ["a request", "n"], ["cost unknown", "n"]], body)
      : empty(`No request is counted by ${chosen} here.`),
    most > shown.length && h("p.more", null, `The ${shown.length} dearest of ${format.count(most)}.`),
  );
}

export function operations(stats, state, rows) {
  const found = Object.entries(stats.performance.operations);
  const body = found.map(([name, one]) =>
    h(
      "tr", { "data-key": `op-${name}` },
      h("th", { scope: "row" }, link("operation", name, state)),
      h("td.n", null, h("data", { value: one.calls, "data-operation": name }, format.count(one.calls))),
      h("td.n", { class: one.error_rate > 0 ? "bad" : "" }, format.share(one.error_rate)),
      h("td.n", null, format.seconds(one.p50_response_time)),
      h("td.n", null, format.seconds(one.p95_response_time)),
      h("td.n", null, format.seconds(one.p99_response_time)),
      h("td.n", null, format.count(one.token_usage)),
    ),
  );
  const most = rows ? rows.operations : undefined;
  return card(
    "operations", "Operations", null,
    found.length
      ? table("Operations", [["operation"], ["calls", "n"], ["errors", "n"], ["p50", "n"], ["p95", "n"], ["p99", "n"], ["tokens", "n"]], body)
      : empty("No call has ended in this window."),
    most > found.length && h("p.more", null, `The ${found.length} busiest of ${format.count(most)}.`),
  );
}

export function agents(stats, state) {
  const found = Object.entries(stats.agents.agents || {});
  const body = found.map(([name, one]) =>
    h(
      "tr", { "data-key": `agent-${name}` },
      h("th", { scope: "row" }, link("agent", name, state)),
      h("td.n", null, one.running == null ? format.UNKNOWN : one.running ? h("span.live", null, format.count(one.running)) : "0"),
      h("td.n", null, format.count(one.calls)),
      h("td.n", { class: one.error_rate > 0 ? "bad" : "" }, format.share(one.error_rate)),
      h("td.n", null, format.count(one.tokens)),
      h("td.n", null, one.cost == null ? "unknown" : format.money(one.cost)),
    ),
  );
  return card(
    "agents", "Agents at work", null,
    found.length
      ? table("Agents", [["agent"], ["running", "n"], ["calls", "n"], ["errors", "n"], ["tokens", "n"], ["cost", "n"]], body)
      : empty("No agent has been at work in this window."),
  );
}

export function caches(stats) {
  const found = Object.entries(stats.cache.caches || {});
  const saved = Object.entries(stats.cost.savings_by_cause);
  const wasted = Object.entries(stats.cost.waste_by_cause);
  const words = (name) => name.replaceAll("_", " ");
  return card(
    "caches", "Caches, savings and waste", null,
    found.length
      ? table("Caches", [["cache"], ["hit rate", "n"], ["lookups", "n"], ["filled", "n"]], found.map(([name, one]) =>
        h("tr", { "data-key": `cache-${name}` }, h("th", { scope: "row" }, name),
          h("td.n", null, format.share(one.hit_rate)), h("td.n", null, format.count(one.lookups ?? (one.hits ?? 0) + (one.misses ?? 0))), h("td.n", null, format.share(one.utilization)))))
      : empty("No cache was asked."),
    (saved.length > 0 || wasted.length > 0 || stats.cost.over_budget_calls > 0) && h(
      "dl.pairs", null,
      saved.map(([name, one]) => [h("dt", null, `saved by ${words(name)}`), h("dd.good", null, format.money(one))]),
      wasted.map(([name, one]) => [h("dt", null, `spent on ${words(name)} calls`), h("dd.warn", null, format.money(one))]),
      stats.cost.over_budget_calls > 0 && [h("dt", null, `${format.count(stats.cost.over_budget_calls)} calls over their budget, by`), h("dd.bad", null, format.money(stats.cost.over_budget))],
    ),
  );
}

const TONES = { pass: "good", warn: "warn", fail: "bad" };

export function health(report) {
  if (!report) return null;
  if (report.refused) return card("health", "Health", null, empty(report.refused));
  const rows = Object.entries(report.checks).flatMap(([name, results]) => results.map((one) => [name, one]));
  rows.sort((one, other) => rank(other[1].status) - rank(one[1].status));
  return card(
    "health", "Health", null,
    h("ul.checks", { tabindex: "0", "aria-label": "Health checks" }, rows.map(([name, one]) =>
      h("li", { "data-key": `check-${name}`, class: TONES[one.status] || "" },
        h("span.state", null, one.status), h("span.what", null, h("b", null, name.replaceAll("_", " ")), " ", one.output || "")))),
  );
}

function rank(status) {
  return { fail: 2, warn: 1 }[status] || 0;
}

export function empty(text) {
  return h("p.empty", null, text);
}

export function card(name, title, tools, ...body) {
  return h("section.card", { "data-key": `card-${name}`, "aria-labelledby": `title-${name}` },
    h("header", null, h("h2", { id: `title-${name}` }, title), tools || false), body.filter(Boolean));
}

export { isLabel, link };
