// Asks the pages beside this one. An answer that is no success is an error with the server's own sentence.

import { root } from "./state.js";

export class Refusal extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

export async function ask(path, signal) {
  const answer = await fetch(new URL(path, root), { headers: { Accept: "application/json" }, signal });
  if (!answer.ok && answer.status !== 503) throw new Refusal(answer.status, (await answer.text()).trim());
  const type = answer.headers.get("Content-Type") || "";
  if (!type.includes("json")) throw new Refusal(answer.status, (await answer.text()).trim());
  return answer.json();
}

/** Ask, and take a refusal for an answer: one part that cannot be had leaves the others as they are. */
export async function attempt(path, signal) {
  try {
    return await ask(path, signal);
  } catch (error) {
    if (error instanceof Refusal) return { refused: error.message, status: error.status };
    throw error;
  }
}
