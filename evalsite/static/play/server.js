/** What a page asks the server, and how it says that something went wrong. */

const UNREACHABLE = "The server cannot be reached. What you see is kept: try again in a moment.";
const GONE = "The generator is gone: it was deleted while this page was open.";

/** The server refused, or could not be reached; the message is in words for the page. */
export class Failure extends Error {}

const TRIES = 4;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * POST and read the JSON that comes back; where the server is busy, ask again after the pause that it names.
 * @param {string} address
 * @param {string|FormData} body
 * @param {{token: string, fetch?: typeof fetch, pause?: (ms: number) => Promise<void>}} with_ `token` is
 *   the page's CSRF token
 * @throws {Failure}
 */
export async function post(address, body, { token, fetch = globalThis.fetch, pause = wait }) {
  let response;
  for (let tries = 1; ; tries += 1) {
    try {
      response = await fetch(address, { method: "POST", headers: { "X-CSRFToken": token }, body });
    } catch {
      throw new Failure(UNREACHABLE);
    }
    const after_s = response.headers.get("Retry-After");
    if (response.status !== 503 || !after_s || tries === TRIES) break;
    await pause(1000 * after_s);
  }
  const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
  const said = isJson ? await response.json() : {};
  if (response.ok) return said;
  if (response.status === 404) throw new Failure(said.error ?? GONE);
  throw new Failure(said.error ?? `The server answered ${response.status}. Reload the page and try again.`);
}

/** Ask the server from this page; a failure is shown in the page and gives null. */
export function asker(document) {
  const token = document.querySelector("#play [name=csrfmiddlewaretoken]").value;
  const wrong = document.getElementById("wrong");
  return async (address, body) => {
    try {
      const said = await post(address, body, { token });
      wrong.hidden = true;
      return said;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      wrong.textContent = error.message;
      wrong.hidden = false;
      return null;
    }
  };
}
