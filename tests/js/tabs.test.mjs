import assert from "node:assert/strict";
import test from "node:test";

import { takeOver } from "../../evalsite/static/trial/tabs.js";
import { settle } from "./fakes.mjs";

/** As much of a browser's LockManager as stealing needs. */
class FakeLocks {
  #holders = new Map();

  request(name, { steal }, hold) {
    assert.equal(steal, true);
    this.#holders.get(name)?.(new DOMException("stolen", "AbortError"));
    return new Promise((resolve, reject) => {
      this.#holders.set(name, reject);
      hold();
    });
  }
}

test("of two tabs the one that was opened last goes on", async () => {
  const locks = new FakeLocks();
  const lost = [];
  await takeOver({ locks, name: "abc", lost: () => lost.push("first") });
  assert.deepEqual(lost, []);
  await takeOver({ locks, name: "abc", lost: () => lost.push("second") });
  await settle();
  assert.deepEqual(lost, ["first"]);
});

test("tabs of different studies do not meet", async () => {
  const locks = new FakeLocks();
  const lost = [];
  await takeOver({ locks, name: "abc", lost: () => lost.push("abc") });
  await takeOver({ locks, name: "xyz", lost: () => lost.push("xyz") });
  await settle();
  assert.deepEqual(lost, []);
});

test("a browser without locks goes on", async () => {
  await takeOver({ locks: undefined, name: "abc", lost: assert.fail });
});
