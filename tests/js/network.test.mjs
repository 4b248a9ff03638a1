import assert from "node:assert/strict";
import test from "node:test";

import { Refusal, Server, Unreachable } from "../../evalsite/static/trial/network.js";

function serverThat(...replies) {
  const requests = [];
  const fetch = async (url, options) => {
    requests.push({ url, ...options });
    const reply = replies.shift();
    if (reply instanceof Error) throw reply;
    return reply;
  };
  return { requests, server: new Server({ fetch, code: "abc" }) };
}

const json = (body, status = 200) => new Response(JSON.stringify(body), { status });

test("answers carry the token of the block that came before", async () => {
  const { requests, server } = serverThat(json({ csrf: "token" }), json({ saved: ["t1"] }));
  await server.block();
  await server.send({ answers: [] }, { keepalive: true });
  const [asked, sent] = requests;
  assert.equal(asked.url, "/s/abc/block/");
  assert.equal(sent.url, "/s/abc/responses/");
  assert.equal(sent.method, "POST");
  assert.equal(sent.headers["X-CSRFToken"], "token");
  assert.equal(sent.keepalive, true);
  assert.equal(sent.body, '{"answers":[]}');
});

test("no network, a failing server and a stranger's page can be tried again", async () => {
  const unreachable = (reason) => new Unreachable(reason);
  await assert.rejects(serverThat(new TypeError("fetch")).server.block(), unreachable("offline"));
  for (const status of [408, 429, 500, 503]) {
    const reply = new Response("out of order", { status });
    await assert.rejects(serverThat(reply).server.block(), unreachable("server"));
  }
  const portal = new Response("<h1>Log in to this café</h1>");
  await assert.rejects(serverThat(portal).server.block(), unreachable("server"));
});

test("a lost cookie, a stale token and an unreadable batch are refusals", async () => {
  for (const status of [400, 403, 404]) {
    const reply = new Response("no", { status });
    await assert.rejects(serverThat(reply).server.send({ answers: [] }), new Refusal(status));
  }
});

test("a batch of which some answers could not be read is a reply like any other", async () => {
  const body = { saved: ["t1"], refused: [{ answer: {}, errors: {} }] };
  assert.deepEqual(await serverThat(json(body, 400)).server.send({ answers: [] }), body);
});
