// The figures at the top: calls, errors, latency, tokens, cost, savings. Each is the very value of /stats.

import { h } from "./dom.js";
import * as format from "./format.js";

/** A figure: what is shown, with the exact value beside it for machines, tests and the pointer. */
export function figure(name, value, text) {
  return h("data", { value: value == null ? "" : value, title: value == null ? "not known" : value, "data-figure": name }, text);
}

function tile(name, title, main, notes, tone) {
  return h(
    "div.tile", { "data-key": `tile-${name}`, "data-tone": tone || false },
    h("h2", null, title),
    h("p.main", null, main),
    h("ul.notes", null, notes.filter(Boolean).map((note) => h("li", null, note))),
  );
}

export function tiles(stats, total, part) {
  const { performance, usage, cost } = stats;
  const known = part.callsKnown;
  const seconds = cost.seconds;
  const hourly = seconds >= 10 && cost.priced_calls ? (Number(cost.total_cost) / seconds) * 3600 : null;
  const missing = cost.unpriced_calls + cost.calls_without_usage;
  const unknownCost = missing > 0 && cost.priced_calls === 0;
  const sum = (name, one) => (name in usage.tokens_by_type ? [figure(name, one, format.count(one))] : []);
  return h(
    "div.tiles", null,
    tile("calls", "Calls", known ? figure("calls", performance.calls, format.count(performance.calls)) : format.UNKNOWN, [
      known
        ? [figure("throughput", performance.throughput, format.count(performance.throughput)), " a second"]
        : "not counted by this field",
      known && part.active != null && [figure("active", part.active, format.count(part.active)), part.active === 1 ? " agent active" : " agents active"],
    ]),
    tile("errors", "Error rate", known ? figure("error_rate", performance.error_rate, format.share(performance.error_rate)) : format.UNKNOWN, [
      known && [figure("errors", performance.outcomes.error || 0, format.count(performance.outcomes.error || 0)), " failed"],
      usage.error_rate != null && ["of requests ", figure("request_error_rate", usage.error_rate, format.share(usage.error_rate))],
    ], performance.error_rate > 0.05 ? "bad" : ""),
    tile("latency", "Latency, p95", known ? figure("p95", performance.p95_response_time, format.seconds(performance.p95_response_time)) : format.UNKNOWN, [
      known && ["p50 ", figure("p50", performance.p50_response_time, format.seconds(performance.p50_response_time)), " · p99 ",
        figure("p99", performance.p99_response_time, format.seconds(performance.p99_response_time))],
      performance.time_to_first_token != null && ["first token ", figure("first_token", performance.time_to_first_token, format.seconds(performance.time_to_first_token))],
    ]),
    tile("tokens", "Tokens", figure("tokens", usage.total_tokens, format.count(usage.total_tokens)), [
      [sum("input", usage.input_tokens), " in · ", sum("output", usage.output_tokens), " out"],
      [figure("requests", usage.total_calls, format.count(usage.total_calls)), " requests"],
    ]),
    tile("cost", "Cost", unknownCost ? "unknown" : [missing ? "≥ " : "", figure("cost", cost.total_cost, format.money(cost.total_cost))], [
      hourly != null && [format.money(hourly), " an hour · ", format.money(hourly * 24), " a day at this rate"],
      total && Number(total.cost.total_cost) > Number(cost.total_cost) && [figure("total_cost", total.cost.total_cost, format.money(total.cost.total_cost)), " since ", sinceWhen(total.cost.start)],
    ], missing ? "warn" : ""),
    tile("savings", "Saved by caches", figure("savings", cost.savings, format.money(cost.savings)), [
      [figure("waste", cost.waste, format.money(cost.waste)), " wasted on failed and unfinished calls"],
      usage.cache_hit_rate != null && ["local caches hit ", figure("cache_hit_rate", usage.cache_hit_rate, format.share(usage.cache_hit_rate))],
    ]),
  );
}

function sinceWhen(start) {
  if (!start) return "the start";
  const date = new Date(start);
  const today = date.toDateString() === new Date().toDateString();
  return today ? format.clock(date, false) : date.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
}

/** What has to be said loudly: costs that are not known, streams cut short, things under no name of their own. */
export function warnings(stats) {
  const { cost, usage } = stats;
  const found = [];
  if (cost.unpriced_calls) {
    const models = Object.entries(cost.unpriced_by_model).map(([name, number]) => `${name} (${format.count(number)})`);
    found.push(["unpriced", `${format.count(cost.unpriced_calls)} answers have no known price`, `Their cost is in no sum here. Models: ${models.join(", ") || "unnamed"}.`]);
  }
  if (cost.calls_without_usage) {
    found.push(["silent", `${format.count(cost.calls_without_usage)} requests told no usage`, "Failed and cancelled ones among them. Their cost is unknown, and in no sum here."]);
  }
  if (usage.incomplete_usage_calls) {
    found.push(["incomplete", `${format.count(usage.incomplete_usage_calls)} streams ended before their usage came`, "Their tokens and costs are lower bounds."]);
  }
  return found;
}
