/** Masks: noise with the colours and edges of a block's own images, and none of their shapes. */

const TILE_PX = 4;

/**
 * @typedef {{width: number, height: number, data: Uint8ClampedArray}} Picture RGBA, as ImageData
 */

/**
 * Fill a picture with tiles taken from anywhere in any of the pictures, real or not alike.
 * @param {Picture[]} pictures at least one, all of one size, no side below a tile's 4 px
 * @param {() => number} random in [0, 1)
 * @returns {Picture}
 */
export function scramble(pictures, random) {
  const { width, height } = pictures[0];
  const data = new Uint8ClampedArray(pictures[0].data.length);
  const below = (count) => Math.floor(random() * count);
  for (let top = 0; top < height; top += TILE_PX) {
    for (let left = 0; left < width; left += TILE_PX) {
      const source = pictures[below(pictures.length)].data;
      const x = below(width - TILE_PX + 1);
      const y = below(height - TILE_PX + 1);
      copyTile(source, x, y, data, left, top, width, height);
    }
  }
  return { width, height, data };
}

function copyTile(source, x, y, target, left, top, width, height) {
  const length = 4 * Math.min(TILE_PX, width - left);
  for (let row = 0; row < Math.min(TILE_PX, height - top); row += 1) {
    const from = 4 * ((y + row) * width + x);
    target.set(source.subarray(from, from + length), 4 * ((top + row) * width + left));
  }
}

/** @returns {Picture[]} `count` different masks */
export function makeMasks(pictures, count, random = Math.random) {
  return Array.from({ length: count }, () => scramble(pictures, random));
}
