// The bar at the top: window, whose calls, live or still, health, light or dark.

import { h } from "./dom.js";
import * as format from "./format.js";
import { WINDOWS, href } from "./state.js";

export function bar(state, { found, failure, answered, names }) {
  return [
    h("a.brand", { href: href({ trace: null }), "data-go": true },
      h("svg", { viewBox: "0 0 32 32", width: "22", height: "22", "aria-hidden": "true" },
        h("rect", { width: "32", height: "32", rx: "8", class: "logo" }),
        h("path", { d: "M6 20h5l3-10 5 14 3-8h4", class: "pulse" })),
      h("h1", null, "pepperpy_obs")),
    !state.trace && h("nav.segments", { "aria-label": "Window" }, WINDOWS.map((one) =>
      h("a", { href: href({ window: one }), "data-go": true, "aria-current": one === state.window ? "true" : false, title: `the last ${format.WINDOW_NAMES[one]}` }, one))),
    !state.trace && h("div.filters", null, filters(state, names)),
    h("div.spacer", { "aria-hidden": "true" }),
    health(found),
    status(state, failure, answered),
    themes(state),
  ];
}

function filters(state, names) {
  const all = new Set(["agent", "model", ...Object.keys(names), ...Object.keys(state.filters)]);
  return [...all].map((name) => {
    const chosen = state.filters[name] || "";
    const options = new Set([...(names[name] || []), ...(chosen ? [chosen] : [])]);
    return h("label.filter", { "data-key": `filter-${name}`, class: chosen ? "on" : "" },
      h("span", null, name),
      h("select", { "data-filter": name, "aria-label": `only this ${name}` },
        h("option", { value: "", selected: !chosen }, "all"),
        [...options].sort().map((one) => h("option", { value: one, selected: one === chosen }, one))));
  });
}

function health(found) {
  const report = found?.health;
  if (!report || report.refused) return null;
  const words = { pass: "healthy", warn: "warning", fail: "unhealthy" };
  const tone = { pass: "good", warn: "warn", fail: "bad" }[report.status] || "warn";
  return h("a.pill", { href: "#title-health", "data-tone": tone, title: report.output || "all checks pass" }, h("span.dot", { "aria-hidden": "true" }), words[report.status] || report.status);
}

function status(state, failure, answered) {
  const when = answered ? format.clock(answered) : "";
  const text = failure ? "no answer" : state.live ? "live" : "still";
  return h("a.pill.quiet", {
    href: href({ live: state.live ? "0" : null }), "data-go": true, "data-tone": failure ? "bad" : state.live ? "live" : "", "aria-pressed": String(state.live), role: "button",
    title: state.live ? "stop asking for news" : "ask for news again",
  }, h("span.dot", { "aria-hidden": "true" }), text, when && h("time", null, when));
}

function themes(state) {
  const dark = document.documentElement.dataset.theme === "dark";
  return h("a.pill.quiet.theme", { href: href({ theme: dark ? "light" : "dark" }), "data-go": true, "aria-label": dark ? "light colours" : "dark colours", title: dark ? "light colours" : "dark colours" }, dark ? "☀" : "☾");
}
