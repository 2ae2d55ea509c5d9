// What is shown is in the address: window, whose calls, which trace. Every state can be linked to.

export const WINDOWS = ["5m", "1h", "24h", "7d", "30d"];
const LABELS = ["agent", "model", "operation", "provider"];
const VIEW = ["window", "by", "table", "trace", "live", "theme"];

export const root = new URL(document.documentElement.dataset.up || "./", location.href);

/** Read the state from the address. */
export function read() {
  const query = new URLSearchParams(location.search);
  const below = location.pathname.match(/\/traces\/([0-9A-Za-z_-]+)$/);
  const filters = {};
  for (const [name, value] of query) if (!VIEW.includes(name)) filters[name] = value;
  return {
    window: query.get("window") || "5m",
    by: query.get("by") || "model",
    table: query.get("table") || "model",
    trace: below ? below[1] : query.get("trace"),
    live: query.get("live") !== "0",
    theme: query.get("theme") || "",
    filters,
  };
}

/** Return the address of the state with some changes; null takes a thing out of it. */
export function href(changes = {}) {
  const query = new URLSearchParams(location.search);
  const trace = read().trace;
  if (trace) query.set("trace", trace);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  return root.pathname + (text ? `?${text}` : "");
}

/** Return the query that asks a page for the calls that are chosen. */
export function asked(state, more = {}) {
  return new URLSearchParams({ window: state.window, ...state.filters, ...more }).toString();
}

export function isLabel(name) {
  return LABELS.includes(name);
}
