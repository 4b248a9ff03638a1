/** What the page says to the server and hears from it, and how it insists when nobody answers. */

const TIMEOUT_MS = 15_000;
const LONGEST_PAUSE_MS = 30_000;

/** Nobody answered, or the server is out of order: the same request may succeed later. */
export class Unreachable extends Error {
  /** @param {"offline"|"server"} reason */
  constructor(reason) {
    super(`the request got no answer: ${reason}`);
    this.reason = reason;
  }
}

/** The server understood and will not: the same request will not succeed later. */
export class Refusal extends Error {
  /** @param {number} status 404: the cookie is lost; 403: the CSRF token is stale */
  constructor(status) {
    super(`the server answered ${status}`);
    this.status = status;
  }
}

/** @returns {number} ms to wait after so many failures in a row: 1, 2, 4 … 30 s */
export function backOffMs(failures) {
  return Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** failures);
}

/**
 * Try until it succeeds; only a Refusal, or a mistake of ours, is thrown.
 * @param {() => Promise} attempt throws Unreachable to be tried again
 * @param {{pause: (ms: number) => Promise, report: (reason: string|null) => void}} how
 *   `report` hears why the last attempt failed, and null when one succeeds
 */
export async function insist(attempt, { pause, report }) {
  for (let failures = 0; ; failures += 1) {
    try {
      const reply = await attempt();
      report(null);
      return reply;
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      report(error.reason);
      await pause(backOffMs(failures));
    }
  }
}

/** The server of one study. */
export class Server {
  #csrf = "";

  /** @param {{fetch: typeof fetch, code: string}} parts `code` is the study's */
  constructor({ fetch, code }) {
    this.fetch = fetch;
    this.path = `/s/${code}/`;
  }

  get resultPath() {
    return `${this.path}result/`;
  }

  /** The questions left in the current block, or `{finished: true}`. */
  async block() {
    const block = await this.#ask("block/", { cache: "no-store" });
    this.#csrf = block.csrf ?? this.#csrf;
    return block;
  }

  /**
   * Send answers; sending them again is harmless.
   * @param {{answers: object[], screen?: object}} body
   * @param {{keepalive?: boolean}} options `keepalive` lets the request outlive the page
   */
  send(body, { keepalive = false } = {}) {
    const headers = { "Content-Type": "application/json", "X-CSRFToken": this.#csrf };
    const options = { method: "POST", headers, keepalive, body: JSON.stringify(body) };
    return this.#ask("responses/", options);
  }

  async #ask(path, options) {
    const response = await this.#reach(path, options);
    if (response.status >= 500 || [408, 429].includes(response.status)) {
      throw new Unreachable("server");
    }
    const reply = await response.json().catch(() => null);
    if (response.ok && !reply) throw new Unreachable("server");
    if (!response.ok && !reply?.refused) throw new Refusal(response.status);
    return reply;
  }

  async #reach(path, options) {
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      return await this.fetch(this.path + path, { signal, ...options });
    } catch {
      throw new Unreachable("offline");
    }
  }
}
