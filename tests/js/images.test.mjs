import assert from "node:assert/strict";
import test from "node:test";

import { Images } from "../../evalsite/static/trial/images.js";
import { settle } from "./fakes.mjs";

const CODES = Array.from({ length: 40 }, (_, index) => `t${index}`);

function loading(load = async (code) => code) {
  const asked = [];
  const pauses_ms = [];
  const images = new Images({
    load: (code) => { asked.push(code); return load(code); },
    pause: async (ms) => void pauses_ms.push(ms),
  });
  return { images, asked, pauses_ms };
}

test("at least five images are decoded ahead of the trial", async () => {
  const { images } = loading();
  images.prefetch(CODES, 7);
  await settle();
  for (let ahead = 0; ahead <= 5; ahead += 1) assert.ok(images.isReady(CODES[7 + ahead]));
});

test("no image is fetched twice while it is near", async () => {
  const { images, asked } = loading();
  for (let position = 0; position < CODES.length; position += 1) {
    images.prefetch(CODES, position);
    await images.get(CODES[position]);
  }
  assert.deepEqual(asked, CODES);
});

test("images long past are forgotten, and a few are kept for the masks", async () => {
  const { images } = loading();
  for (const position of CODES.keys()) images.prefetch(CODES, position);
  await settle();
  assert.equal(images.isReady(CODES[0]), false);
  assert.deepEqual(images.ready(), CODES.slice(-6));
});

test("an image is tried three times, then rejected, and may be asked for again", async () => {
  let failures = 3;
  const load = async (code) => {
    if (failures > 0) { failures -= 1; throw new Error("no image"); }
    return code;
  };
  const { images, asked, pauses_ms } = loading(load);
  await assert.rejects(images.get("t0"), /no image/);
  assert.equal(asked.length, 3);
  assert.deepEqual(pauses_ms, [500, 1500]);
  assert.equal(images.isReady("t0"), false);
  assert.equal(await images.get("t0"), "t0");
});

test("an image that cannot be prefetched disturbs nobody before its turn", async () => {
  const { images } = loading(async () => { throw new Error("no image"); });
  images.prefetch(CODES);
  await settle();
  assert.deepEqual(images.ready(), []);
});
