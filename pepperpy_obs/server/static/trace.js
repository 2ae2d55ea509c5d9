// One trace: its calls as a tree beside a waterfall, each with tokens and cost of its own and of all below it.

import { h } from "./dom.js";
import * as format from "./format.js";
import { href } from "./state.js";
import { card, empty, table } from "./tables.js";

const MOST = 1000;
const closed = new Set();
const opened = new Set();

/** Fold or unfold the calls below one. */
export function toggle(span) {
  if (!closed.delete(span)) closed.add(span);
}

/** Show or hide what is known of a call. */
export function inspect(span) {
  if (!opened.delete(span)) opened.add(span);
}

export function view(trace) {
  if (trace.refused) return [back(), card("trace", "Trace", null, empty(trace.refused))];
  const facts = [
    ["began", trace.start ? new Date(trace.start).toLocaleString("en-GB") : format.UNKNOWN],
    ["took", format.seconds(trace.duration_seconds)],
    ["calls", format.count(trace.spans.length)],
    ["errors", format.count(trace.errors), trace.errors ? "bad" : ""],
    ["requests", format.count(trace.total.requests)],
    ["tokens", format.count(trace.total.tokens)],
    ["cost", cost(trace.total), costTone(trace.total)],
  ];
  const root = trace.spans[0];
  return [
    back(),
    trace.is_partial && h("p.banner", { "data-tone": "warn" }, h("b", null, "Partial. "), "A caller is missing: it is still running, was sampled away, or is no longer kept."),
    card(
      "trace", root ? root.operation : "Trace", h("code.id", null, trace.trace_id),
      h("dl.facts", null, facts.map(([name, value, tone]) => h("div", null, h("dt", null, name), h("dd", { class: tone || "" }, value)))),
      waterfall(trace),
    ),
  ];
}

function back() {
  return h("p.back", { "data-key": "back" }, h("a", { href: href({ trace: null }), "data-go": true }, "← All traces"));
}

function waterfall(trace) {
  const parents = new Set(trace.spans.filter((one, place) => (trace.spans[place + 1]?.depth ?? 0) > one.depth).map((one) => one.span_id));
  const rows = [];
  let hidden = Infinity;
  let left = 0;
  trace.spans.forEach((span, place) => {
    if (span.depth > hidden) return;
    if (rows.length >= MOST) {
      left += 1;
      return;
    }
    hidden = closed.has(span.span_id) ? span.depth : Infinity;
    rows.push(row(span, place, trace, parents.has(span.span_id)));
    if (opened.has(span.span_id)) rows.push(details(span, place));
  });
  const more = left > 0 && h("p.more", null, `${format.count(left)} more calls are not drawn; fold some of those above to see them.`);
  return [h(
    "div.scroll", { tabindex: "0", role: "region", "aria-label": "Calls of the trace" },
    h(
      "table.tree", { role: "treegrid", "aria-label": "Calls of the trace" },
      h("thead", null, h("tr", null, ["call", "time", "took", "tokens", "cost"].map((name, place) =>
        h("th", { scope: "col", class: place > 1 ? "n" : place === 1 ? "time" : "" }, place === 1 ? scale(trace.duration_seconds) : name)))),
      h("tbody", null, rows),
    ),
  ), more];
}

function scale(whole) {
  return h("span.scale", { "aria-label": "time" }, [0, 0.25, 0.5, 0.75, 1].map((part) => h("span", null, part ? format.seconds(whole * part) : "0")));
}

function row(span, place, trace, hasBelow) {
  const whole = trace.duration_seconds || 1e-9;
  const left = Math.min(1, Math.max(0, span.start_seconds / whole));
  const width = Math.min(1 - left, (span.duration_seconds || 0) / whole);
  const { facts } = span;
  const failed = facts.outcome === "error";
  const tone = failed ? "bad" : facts.outcome && facts.outcome !== "ok" ? "warn" : facts.kind || "task";
  const isOpen = !closed.has(span.span_id);
  const twist = hasBelow
    ? h("button.twist", { type: "button", "data-toggle": span.span_id, "aria-label": `${isOpen ? "fold" : "unfold"} ${span.operation}`, "aria-expanded": String(isOpen) }, isOpen ? "▾" : "▸")
    : h("span.twist", { "aria-hidden": "true" });
  return h(
    "tr", { "data-key": `span-${place}-${span.span_id}`, role: "row", "aria-level": span.depth + 1, "aria-expanded": hasBelow ? String(isOpen) : false },
    h("td.call", { place: { "--depth": String(span.depth) } },
      twist,
      h("button.open", { type: "button", "data-inspect": span.span_id, "aria-expanded": String(opened.has(span.span_id)) },
        h("span.kind", { "data-kind": facts.kind || "task" }, facts.kind || "call"),
        h("span.op", null, span.operation),
        facts.model && h("span.model", null, facts.response_model || facts.model),
        failed && h("span.error", null, facts.error_type || "error"),
        !failed && facts.outcome && facts.outcome !== "ok" && h("span.odd", null, facts.outcome),
        facts.cache_hit === true && h("span.hit", null, "cache hit"))),
    h("td.time", null, h("span.track", { "aria-hidden": "true" }, h("span.span", { "data-tone": tone, place: { "--left": left.toFixed(5), "--width": width.toFixed(5) } }))),
    h("td.n", null, format.seconds(span.duration_seconds)),
    h("td.n", null, span.total.requests || span.total.tokens ? format.count(span.total.tokens) : ""),
    h("td.n", { class: costTone(span.total) }, span.total.requests ? h("data", { value: span.total.cost ?? "", title: span.total.cost ?? "not known" }, cost(span.total)) : ""),
  );
}

function cost(total) {
  const unknown = total.unpriced + total.without_usage;
  if (total.cost == null) return unknown ? "unknown" : total.requests ? "unknown" : "–";
  return `${unknown ? "≥ " : ""}${format.money(total.cost)}`;
}

function costTone(total) {
  return total.unpriced + total.without_usage ? "warn" : "";
}

function details(span, place) {
  const rows = [
    ...Object.entries(span.facts),
    ["own cost", span.own.cost == null ? (span.own.requests ? "unknown" : null) : `$${span.own.cost}`],
    ["span id", span.span_id],
    ...Object.entries(span.fields),
  ].filter(([, value]) => value != null);
  const content = Object.entries(span.content);
  return h(
    "tr.details", { "data-key": `details-${place}-${span.span_id}` },
    h("td", { colspan: "5" },
      h("dl.fields", null, rows.map(([name, value]) => h("div", null, h("dt", null, name.replaceAll("_", " ")), h("dd", null, text(value))))),
      content.map(([name, value]) => h("section.content", null, h("h3", null, name), h("pre", { tabindex: "0" }, text(value, 2)))),
      content.length === 0 && h("p.hint", null, "Content is not captured unless capture_content is set.")),
  );
}

function text(value, indent) {
  return typeof value === "object" ? JSON.stringify(value, null, indent) : String(value);
}

/** The latest traces, the newest first. */
export function list(traces, now) {
  if (traces.refused) return card("traces", "Latest traces", null, empty(traces.refused));
  const rows = traces.traces.map((one) =>
    h("tr", { "data-key": `trace-${one.trace_id}` },
      h("th", { scope: "row" }, h("a.name", { href: href({ trace: one.trace_id }), "data-go": true }, one.operation),
        one.is_partial && h("span.odd", { title: "its caller is not there yet" }, "partial")),
      h("td", null, one.agent || ""),
      h("td.n", null, format.seconds(one.duration_seconds)),
      h("td.n", null, format.count(one.spans)),
      h("td.n", { class: one.errors ? "bad" : "" }, format.count(one.errors)),
      h("td.n", null, format.count(one.total.tokens)),
      h("td.n", { class: costTone(one.total) }, cost(one.total)),
      h("td.n.dim", null, format.ago(one.start, now))));
  return card("traces", "Latest traces", null, rows.length
    ? table("Latest traces", [["call"], ["agent"], ["took", "n"], ["calls", "n"], ["errors", "n"], ["tokens", "n"], ["cost", "n"], ["began", "n"]], rows)
    : empty("No trace has ended yet."));
}

/** The latest calls, the newest first. */
export function calls(events, now) {
  if (events.refused) return card("calls", "Latest calls", null, empty(events.refused));
  const rows = events.events.filter((one) => one.event === "operation.finished").map((one) =>
    h("tr", { "data-key": `event-${one.event_id}` },
      h("th", { scope: "row" }, h("span.kind", { "data-kind": one.kind || "task" }, one.kind || "call"), " ",
        one.trace_id ? h("a.name", { href: href({ trace: one.trace_id }), "data-go": true }, one.operation) : one.operation,
        one.outcome === "error" && h("span.error", null, one.error_type || "error"),
        one.outcome && one.outcome !== "ok" && one.outcome !== "error" && h("span.odd", null, one.outcome)),
      h("td.wide", null, one.agent || ""),
      h("td.short", { title: one.response_model || one.model || false }, one.response_model || one.model || ""),
      h("td.n", null, format.seconds(one.duration_seconds)),
      h("td.n.wide", null, one.input_tokens == null && one.output_tokens == null ? "" : format.count((one.input_tokens || 0) + (one.output_tokens || 0))),
      h("td.n", { class: one.cost_source === "unpriced" ? "warn" : "" }, one.cost_source === "unpriced" ? "unpriced" : one.cost_usd == null ? "" : format.money(one.cost_usd)),
      h("td.n.dim", null, format.ago(one.timestamp, now))));
  return card("calls", "Latest calls", null, rows.length
    ? table("Latest calls", [["call"], ["agent", "wide"], ["model"], ["took", "n"], ["tokens", "n wide"], ["cost", "n"], ["ended", "n"]], rows)
    : empty("No call has ended yet."));
}
