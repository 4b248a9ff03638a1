/** How large an image is shown: whole multiples of its pixels, one for the whole session. */

const LANDSCAPE_ROWS_PX = 64; // the line above the image and the line below it, on a phone's side

/**
 * The study's multiple, or the largest smaller one whose image fits.
 * @param {{image_px: number, multiple: number, room_px: number}} sizes all in CSS pixels
 */
export function fittingMultiple({ image_px, multiple, room_px }) {
  return Math.max(1, Math.min(multiple, Math.floor(room_px / image_px)));
}

/** The side of the square that is free for an image, whichever way a phone is turned. */
export function roomPx({ stage_width_px, stage_height_px, width_px, height_px, isTouch }) {
  const turned_px = Math.min(width_px, height_px) - LANDSCAPE_ROWS_PX;
  return Math.min(stage_width_px, stage_height_px, isTouch ? turned_px : Infinity);
}

/** What `compute` gives the first time in this session, also after a reload. */
export function onceASession(storage, key, compute) {
  const kept = Number(storage.getItem(key)) || compute();
  storage.setItem(key, String(kept));
  return kept;
}
