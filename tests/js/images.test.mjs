import assert from "node:assert/strict";
import test from "node:test";

import { Images } from "../../evalsite/static/trial/images.js";
import { settle } from "./fakes.mjs";

const SCREENS = Array.from({ length: 40 }, (_, index) => [`/i/t${index}.png`]);
const GRIDS = Array.from({ length: 4 }, (_, screen) =>
  Array.from({ length: 16 }, (_, place) => `/i/g${screen}-${place}.png`),
);

function loading(load = async (address) => address) {
  const asked = [];
  const pauses_ms = [];
  const images = new Images({
    load: (address) => { asked.push(address); return load(address); },
    pause: async (ms) => void pauses_ms.push(ms),
  });
  return { images, asked, pauses_ms };
}

test("at least ten images are decoded ahead of the trial", async () => {
  const { images } = loading();
  images.prefetch(SCREENS, 7);
  await settle();
  assert.ok(images.areReady(SCREENS.slice(7, 18).flat()));
  assert.equal(images.areReady(SCREENS[30]), false);
});

test("of large grids the whole next one is decoded ahead, and no more", async () => {
  const { images, asked } = loading();
  images.prefetch(GRIDS, 1);
  await settle();
  assert.ok(images.areReady([...GRIDS[1], ...GRIDS[2]]));
  assert.equal(asked.length, 32);
});

test("what is shown first is asked for first", () => {
  const { images, asked } = loading();
  images.prefetch(GRIDS, 2);
  assert.deepEqual(asked.slice(0, 16), GRIDS[2]);
});

test("no image is fetched twice while it is near", async () => {
  const { images, asked } = loading();
  for (let position = 0; position < SCREENS.length; position += 1) {
    images.prefetch(SCREENS, position);
    await images.get(SCREENS[position]);
  }
  assert.deepEqual(asked, SCREENS.flat());
});

test("images that are past are forgotten", async () => {
  const { images } = loading();
  for (const position of SCREENS.keys()) images.prefetch(SCREENS, position);
  await settle();
  assert.deepEqual([...images.ready], SCREENS.at(-1));
});

test("the pictures of a screen come together, in its order", async () => {
  const { images } = loading(async (address) => `picture of ${address}`);
  assert.deepEqual(await images.get(["/i/b.png", "/i/a.png"]), [
    "picture of /i/b.png",
    "picture of /i/a.png",
  ]);
});

test("an image is tried three times, then rejected, and may be asked for again", async () => {
  let failures = 3;
  const load = async (address) => {
    if (address === "/i/b.png" && failures > 0) { failures -= 1; throw new Error("no image"); }
    return address;
  };
  const { images, asked, pauses_ms } = loading(load);
  const both = ["/i/a.png", "/i/b.png"];
  await assert.rejects(images.get(both), /no image/);
  assert.deepEqual(asked, ["/i/a.png", "/i/b.png", "/i/b.png", "/i/b.png"]);
  assert.deepEqual(pauses_ms, [500, 1500]);
  assert.equal(images.areReady(both), false);
  assert.deepEqual(await images.get(both), both);
  assert.equal(asked.length, 5);
});

test("an image that cannot be prefetched disturbs nobody before its turn", async () => {
  const { images } = loading(async () => { throw new Error("no image"); });
  images.prefetch(SCREENS);
  await settle();
  assert.equal(images.ready.size, 0);
});
