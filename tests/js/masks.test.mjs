import assert from "node:assert/strict";
import test from "node:test";

import { makeMasks, scramble } from "../../evalsite/static/trial/masks.js";
import { picture } from "./fakes.mjs";

/** Numbers in [0, 1) that only the seed decides. */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

function numbered(width, height) {
  const pixels = Uint32Array.from({ length: width * height }, (_, index) => index);
  return { width, height, data: new Uint8ClampedArray(pixels.buffer) };
}

const pixelsOf = ({ data }) => [...new Uint32Array(data.buffer)];

test("a mask is made of whole tiles of the image", () => {
  const pixels = pixelsOf(scramble([numbered(16, 16)], seeded(1)));
  for (let top = 0; top < 16; top += 4) {
    for (let left = 0; left < 16; left += 4) {
      const corner = pixels[top * 16 + left];
      for (let y = 0; y < 4; y += 1) {
        for (let x = 0; x < 4; x += 1) {
          assert.equal(pixels[(top + y) * 16 + left + x], corner + y * 16 + x);
        }
      }
    }
  }
});

test("a mask is not the image", () => {
  const image = numbered(28, 28);
  const same = pixelsOf(scramble([image], seeded(2))).filter((pixel, index) => pixel === index);
  assert.ok(same.length < 28 * 28 * 0.1, `${same.length} of 784 pixels kept their place`);
});

test("every picture gives tiles, whatever its place", () => {
  const pictures = [10, 20, 30].map((shade) => picture("any", shade));
  const shades = new Set(scramble(pictures, seeded(3)).data);
  assert.deepEqual([...shades].sort(), [10, 20, 30].filter((shade) => shades.has(shade)));
  const all = makeMasks(pictures, 10, seeded(3)).flatMap(({ data }) => [...data]);
  assert.deepEqual([...new Set(all)].sort(), [10, 20, 30]);
});

test("tiles come from every row and column of a picture", () => {
  const pixels = makeMasks([numbered(16, 16)], 200, seeded(6)).flatMap(pixelsOf);
  assert.equal(new Set(pixels).size, 16 * 16);
});

test("sides that no tile divides are filled to the edge", () => {
  const filled = { width: 30, height: 9, data: new Uint8ClampedArray(30 * 9 * 4).fill(7) };
  assert.ok(scramble([filled], seeded(4)).data.every((byte) => byte === 7));
});

test("masks differ from one another", () => {
  const masks = makeMasks([numbered(28, 28)], 4, seeded(5)).map((mask) => pixelsOf(mask).join());
  assert.equal(new Set(masks).size, 4);
});
