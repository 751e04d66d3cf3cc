/**
 * A server with a context variable for each request, whose calls run side by side on the same workers: none sees that of
 * another. `MERINO_CONTEXT_CALLS=1000000` makes it as many calls; by default they are few.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, get, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { WorkerPool } from "merino";
import { leakCheck } from "../support/leak-check.ts";
import { add, nested, seen } from "./fixtures/context-routines.ts";
import { count, tenant } from "./fixtures/context-variables.ts";

/** Calls that the programs make, those nested in others counted. */
const CALLS = Number(process.env.MERINO_CONTEXT_CALLS ?? 1_600);
/** Those of one request. */
const CALLS_PER_REQUEST = 8;
const REQUESTS_AT_A_TIME = 50;

/** Answers with what its calls have seen, as they came back: of one tenant, and its own sum. */
async function serve(id: string): Promise<string> {
  return tenant.run(id, async () => {
    const [first, sum, second] = await Promise.all([seen(), add(3), seen()]);
    const total = await add(4);
    const [deepest] = (await nested(2)).slice(-1);
    return JSON.stringify([first.tenant, second.tenant, sum, total, count.get(), deepest, tenant.get()]);
  });
}

test(`${CALLS} calls for the requests of a server see the variables of their own request only`, async () => {
  await using _leaks = leakCheck();
  await using pool = await WorkerPool.open({ size: 2 });
  const server = createServer((request, response) => {
    serve(request.url ?? "").then(
      (answer) => response.end(answer),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true, maxSockets: REQUESTS_AT_A_TIME });
  let left = Math.ceil(CALLS / CALLS_PER_REQUEST);
  const wrong: string[] = [];
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const id = `/${left}`;
      const [response] = (await once(get({ port, agent, path: id }), "response")) as [IncomingMessage];
      const answer = await text(response);
      const deepest = `${id}>2>1>0`;
      if (answer !== JSON.stringify([id, id, 3, 7, 7, deepest, deepest])) wrong.push(`${id}: ${answer}`);
    }
  };
  await Promise.all(Array.from({ length: REQUESTS_AT_A_TIME }, lane));
  agent.destroy();
  server.close();
  await once(server, "close");

  assert.deepEqual(wrong.slice(0, 5), []);
  assert.ok(pool.stats().calls >= (CALLS / CALLS_PER_REQUEST) * 5);
});
