/** How large images are shown: whole multiples of their pixels, one for the whole session. */

const LANDSCAPE_ROWS_PX = 64; // what is not image on a phone's side
const LEAST_ROOM_PX = 44; // what a finger hits

/** What a picture's frame adds to its width and its height, in CSS pixels. */
export const FRAMES_PX = { single: [0, 0], pair: [16, 64], select: [12, 12], name: [0, 0] };

/** The columns and rows of a grid that is as square as can be. */
export function gridOf(count) {
  const columns = Math.ceil(Math.sqrt(count));
  return { columns, rows: Math.ceil(count / columns) };
}

/**
 * The study's multiple, or the largest smaller one whose image fits: 1/2, 1/3, … for an image with
 * more pixels than there is room.
 * @param {{image_px: number, multiple: number, room_px: number}} sizes all in CSS pixels
 */
export function fittingMultiple({ image_px, multiple, room_px }) {
  const most_px = Math.max(room_px, LEAST_ROOM_PX);
  if (image_px > most_px) return 1 / Math.ceil(image_px / most_px);
  return Math.min(multiple, Math.floor(most_px / image_px));
}

/**
 * The side of the square that is free for each image, whichever way a phone is turned.
 * @param {object} sizes in CSS pixels: the stage's and the window's, the frame around an image
 * @param {{columns: number, rows: number}} sizes.grid as it stands
 * @param {number} sizes.turned_rows rows on a phone's side
 */
export function roomPx({ stage_px, window_px, frame_px, grid, turned_rows, isTouch }) {
  const [width_px, height_px] = stage_px;
  const turned_px = (Math.min(...window_px) - LANDSCAPE_ROWS_PX) / turned_rows;
  return Math.min(
    width_px / grid.columns - frame_px[0],
    height_px / grid.rows - frame_px[1],
    isTouch ? turned_px - frame_px[1] : Infinity,
  );
}

/** What `compute` gives the first time in this session, also after a reload. */
export function onceASession(storage, key, compute) {
  const kept = Number(storage.getItem(key)) || compute();
  storage.setItem(key, String(kept));
  return kept;
}
