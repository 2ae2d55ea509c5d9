// Figures as people read them. What is not known is a dash, never 0.

export const UNKNOWN = "–";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export function count(value) {
  if (value == null) return UNKNOWN;
  const size = Math.abs(value);
  if (size >= 1e9) return `${(value / 1e9).toFixed(2)} G`;
  if (size >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  if (size >= 1e5) return `${(value / 1e3).toFixed(0)} k`;
  if (size >= 100 || Number.isInteger(value)) return whole.format(value);
  return value.toPrecision(size >= 1 ? 3 : 2);
}

export function share(value) {
  if (value == null) return UNKNOWN;
  const percent = value * 100;
  if (percent === 0) return "0 %";
  if (percent < 0.1) return "< 0.1 %";
  return `${percent.toFixed(percent >= 10 && percent < 99.95 ? 1 : percent >= 99.95 ? 0 : 2)} %`;
}

export function seconds(value) {
  if (value == null) return UNKNOWN;
  if (value === 0) return "0 s";
  if (value < 1e-6) return `${three(value * 1e9)} ns`;
  if (value < 1e-3) return `${three(value * 1e6)} µs`;
  if (value < 1) return `${three(value * 1e3)} ms`;
  if (value < 120) return `${three(value)} s`;
  if (value < 7200) return `${(value / 60).toFixed(1)} min`;
  return `${(value / 3600).toFixed(1)} h`;
}

function three(value) {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** Money comes as exact text; this rounds what is shown, and the exact text stays beside it. */
export function money(value) {
  if (value == null) return UNKNOWN;
  const amount = Number(value);
  if (amount === 0) return "$0";
  const size = Math.abs(amount);
  if (size >= 1000) return `$${whole.format(amount)}`;
  if (size >= 1) return `$${amount.toFixed(2)}`;
  if (size >= 0.01) return `$${amount.toFixed(4)}`;
  if (size >= 0.000001) return `$${amount.toFixed(6)}`;
  return `$${amount.toExponential(2)}`;
}

export function clock(date, withSeconds = true) {
  const options = { hour: "2-digit", minute: "2-digit", hour12: false };
  return date.toLocaleTimeString("en-GB", withSeconds ? { ...options, second: "2-digit" } : options);
}

export function ago(iso, now) {
  const passed = Math.max(0, (now - Date.parse(iso)) / 1000);
  if (passed < 60) return `${Math.floor(passed)} s ago`;
  if (passed < 3600) return `${Math.floor(passed / 60)} min ago`;
  if (passed < 86400) return `${Math.floor(passed / 3600)} h ago`;
  return `${Math.floor(passed / 86400)} d ago`;
}

export const WINDOW_NAMES = {
  "5m": "5 minutes",
  "1h": "hour",
  "24h": "24 hours",
  "7d": "7 days",
  "30d": "30 days",
};
