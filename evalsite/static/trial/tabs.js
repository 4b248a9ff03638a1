/** One tab at a time: the one that was opened last goes on, and the others stop. */

/**
 * Resolves when this tab is the one.
 * Where the browser has no locks (a page without HTTPS), every tab goes on: the server keeps the
 * first answer to each screen, whoever gives it.
 * @param {{locks?: LockManager, name: string, lost: () => void}} how
 *   `lost` is called when another tab takes over
 */
export function takeOver({ locks, name, lost }) {
  if (!locks) return Promise.resolve();
  return new Promise((resolve) => {
    const hold = () => {
      resolve();
      return new Promise(() => {}); // until the page goes, or another tab steals it
    };
    locks.request(name, { steal: true }, hold).catch(lost);
  });
}
