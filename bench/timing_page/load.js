/** Work for the main thread: 8 ms at a time, with pauses that keep no step with the frames. */

const WORK_MS = 8;
const PAUSES_MS = [17, 23, 29, 37];

export function load(turn = 0) {
  const end_ms = performance.now() + WORK_MS;
  while (performance.now() < end_ms);
  setTimeout(load, PAUSES_MS[turn % PAUSES_MS.length], turn + 1);
}
