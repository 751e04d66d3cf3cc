/** Which calls of the network the rules of a worker, and of its routines, permit. */
import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { test } from "node:test";
import { type AllowedPeers, resolveAllowedPeers } from "../../../../src/credentials/peers/allowed-peers.ts";
import { LOCAL_PEER, type Peer, UNKNOWN_PEER } from "../../../../src/credentials/peers/peer.ts";
import { NackCode } from "../../../../src/wire/messages/nack-code.ts";
import { type AccessRule, AccessRules } from "../../../../src/worker/access/access-rules.ts";
import { declaredRoutine } from "../../../support/declared-routine.ts";
import { connect } from "../../../support/protocol-peers.ts";

const API: Peer = peerNamed("spiffe://farm/api");

function peerNamed(...identities: readonly string[]): Peer {
  return { ...UNKNOWN_PEER, identities, address: "10.0.0.7", verified: true };
}

function routineNamed(id: string, allow?: AllowedPeers) {
  const definition = declaredRoutine(id);
  return allow === undefined ? definition : { ...definition, allow: resolveAllowedPeers("allow", allow) };
}

function permits(
  rules: readonly AccessRule[] | undefined,
  definition: ReturnType<typeof routineNamed>,
  peer: Peer,
) {
  return new AccessRules(rules).judge(definition, peer) === undefined;
}

test("AccessRules permits everything where there is no rule", () => {
  const resize = routineNamed("jobs/jobs.js#resize");

  for (const peer of [API, UNKNOWN_PEER, LOCAL_PEER]) assert.equal(permits(undefined, resize, peer), true);
});

test("AccessRules refuses, once there are rules, what none of them names", () => {
  const rules = [{ routine: "jobs/*", allow: ["spiffe://farm/*"] }];

  assert.equal(permits(rules, routineNamed("jobs/jobs.js#resize"), API), true);
  assert.equal(permits(rules, routineNamed("admin/users.js#remove"), API), false);
  assert.equal(permits([], routineNamed("jobs/jobs.js#resize"), API), false);
});

test("AccessRules permits what one of the rules for a routine permits", () => {
  const rules = [
    { routine: "jobs/*", allow: ["spiffe://farm/batch"] },
    { routine: "*#resize", allow: ["spiffe://farm/api"] },
  ];

  assert.equal(permits(rules, routineNamed("jobs/jobs.js#resize"), API), true);
  assert.equal(permits(rules, routineNamed("jobs/jobs.js#crop"), API), false);
});

test("AccessRules asks both a rule and the routine's own 'allow'", () => {
  const open = [{ routine: "*", allow: ["*"] }];
  const own = routineNamed("jobs/jobs.js#resize", ["spiffe://farm/api"]);
  const others = routineNamed("jobs/jobs.js#resize", ["spiffe://farm/batch"]);

  assert.equal(permits(undefined, own, API), true);
  assert.equal(permits(undefined, others, API), false);
  assert.equal(permits(open, own, API), true);
  assert.equal(permits(open, others, API), false);
  assert.equal(permits([{ routine: "other", allow: ["*"] }], own, API), false);
});

test("AccessRules never asks about callers of the worker's own user", () => {
  const closed = routineNamed("jobs/jobs.js#resize", () => false);

  assert.equal(permits([], closed, LOCAL_PEER), true);
});

test("AccessRules takes identities that nobody has verified for none", () => {
  const claimed = { ...API, verified: false };
  const resize = routineNamed("jobs/jobs.js#resize", ["*"]);

  assert.equal(permits(undefined, resize, claimed), false);
  assert.equal(permits(undefined, resize, UNKNOWN_PEER), false);
});

const DENYING: Readonly<Record<string, (peer: Peer) => boolean>> = {
  throws: () => {
    throw new Error("no");
  },
  "answers with something true": () => 1 as unknown as boolean,
  "answers with a promise of true": () => Promise.resolve(true) as unknown as boolean,
  "answers with nothing": () => undefined as unknown as boolean,
};

for (const [what, allow] of Object.entries(DENYING)) {
  test(`AccessRules refuses where the function of a rule ${what}`, () => {
    const resize = routineNamed("jobs/jobs.js#resize");

    assert.equal(permits([{ routine: "*", allow }], resize, API), false);
    assert.equal(permits(undefined, routineNamed("jobs/jobs.js#resize", allow), API), false);
  });
}

test("AccessRules says which rule decided", () => {
  const rules = new AccessRules([{ routine: "jobs/*", allow: ["spiffe://farm/batch"] }]);

  const forbidden = rules.judge(routineNamed("jobs/jobs.js#resize"), API);
  const unnamed = rules.judge(routineNamed("admin#remove"), API);

  assert.equal(forbidden?.code, NackCode.FORBIDDEN);
  assert.match(forbidden?.reason ?? "", /'jobs\/\*'/);
  assert.equal(unnamed?.code, NackCode.FORBIDDEN);
  assert.match(unnamed?.reason ?? "", /none of them names the routine/);
});

test("AccessRules decides once of a caller and a routine what identities alone decide", () => {
  const rules = new AccessRules([{ routine: "jobs/*", allow: ["spiffe://farm/batch"] }]);
  const resize = routineNamed("jobs/jobs.js#resize");
  const forbidden = {};
  const permitted = {};

  const first = rules.judge(resize, API, forbidden);

  assert.equal(first?.code, NackCode.FORBIDDEN);
  assert.equal(rules.judge(resize, API, forbidden), first);
  const batch = peerNamed("spiffe://farm/batch");
  assert.equal(rules.judge(resize, batch, permitted), undefined);
  assert.equal(rules.judge(resize, batch, permitted), undefined);
});

test("AccessRules judges anew a routine that is declared anew, and another caller", () => {
  const rules = new AccessRules(undefined);
  const before = routineNamed("jobs/jobs.js#resize", ["spiffe://farm/batch"]);
  const after = routineNamed("jobs/jobs.js#resize", ["spiffe://farm/api"]);
  const keeper = {};

  const verdicts = [
    rules.judge(before, API, keeper),
    rules.judge(after, API, keeper),
    rules.judge(after, peerNamed("spiffe://farm/batch"), keeper),
    rules.judge(before, API, keeper),
  ];

  assert.deepEqual(
    verdicts.map((nack) => nack === undefined),
    [false, true, false, false],
  );
});

/** Each decides of calls to `jobs/jobs.js#resize` by a function: of a rule, of one of several, of the routine. */
const ASKING: Readonly<
  Record<string, (allow: (peer: Peer) => boolean) => { rules?: AccessRule[]; allow?: AllowedPeers }>
> = {
  "of a rule": (allow) => ({ rules: [{ routine: "*", allow }] }),
  "of a rule behind another": (allow) => ({
    rules: [
      { routine: "jobs/*", allow: ["spiffe://farm/batch"] },
      { routine: "*", allow },
    ],
  }),
  "of a rule before another": (allow) => ({
    rules: [
      { routine: "*", allow },
      { routine: "jobs/*", allow: ["spiffe://farm/batch"] },
    ],
  }),
  "of a rule before the routine's own names": (allow) => ({
    rules: [{ routine: "*", allow }],
    allow: ["spiffe://farm/api"],
  }),
  "of the routine": (allow) => ({ allow }),
  "of the routine behind a rule": (allow) => ({ rules: [{ routine: "*", allow: ["*"] }], allow }),
};

for (const [whose, deciding] of Object.entries(ASKING)) {
  test(`AccessRules asks the function ${whose} about every call`, () => {
    let open = false;
    let asked = 0;
    const { rules, allow } = deciding(() => {
      asked += 1;
      return open;
    });
    const access = new AccessRules(rules);
    const resize = routineNamed("jobs/jobs.js#resize", allow);
    const keeper = {};

    const verdicts = [false, true, false, false, true].map((state) => {
      open = state;
      return access.judge(resize, API, keeper) === undefined;
    });

    assert.deepEqual(verdicts, [false, true, false, false, true]);
    assert.equal(asked, 5);
  });
}

const BAD_RULES: readonly (readonly [string, unknown])[] = [
  ["rules", "jobs/*"],
  ["rules[0]", [null]],
  ["rules[0]", [{ routine: "a" }]],
  ["rules[0]", [{ allow: ["a.example"] }]],
  ["rules[0]", [{ routine: "", allow: ["a.example"] }]],
  ["rules[0]", [{ routine: "a", allow: ["a.example"], deny: [] }]],
  [
    "rules[1].allow",
    [
      { routine: "a", allow: [] },
      { routine: "b", allow: "a.example" },
    ],
  ],
  ["rules[0].allow", [{ routine: "a", allow: ["spiffe://*"] }]],
];

for (const [option, rules] of BAD_RULES) {
  test(`AccessRules refuses ${JSON.stringify(rules)}`, () => {
    assert.throws(() => new AccessRules(rules as readonly AccessRule[]), {
      code: "ERR_MERINO_INVALID_OPTION",
      option,
    });
  });
}

test("A forbidden call is told of on its channel, once for many of one caller and routine", () => {
  const told: unknown[] = [];
  const onMessage = (message: unknown): unknown => told.push(message);
  const rules = new AccessRules([]);
  const resize = routineNamed("jobs/jobs.js#resize");
  subscribe("merino:call:forbidden", onMessage);
  try {
    const keeper = {};
    for (let n = 0; n < 3; n++) rules.judge(resize, API, keeper);
    rules.judge(resize, peerNamed("spiffe://farm/batch"));
  } finally {
    unsubscribe("merino:call:forbidden", onMessage);
  }

  assert.deepEqual(
    told.map((call) => (call as { readonly peer: Peer }).peer.identities),
    [["spiffe://farm/api"], ["spiffe://farm/batch"]],
  );
});

test("A forbidden call is refused before its arguments are decoded, and takes up nothing", async () => {
  await using pair = await connect({ add: (x: number, y: number) => x + y }, { rules: [], local: false });

  for (let n = 0; n < 3; n++) {
    const outcome = await pair.client.callWith("add", Buffer.from("no payload of ours")).outcome;
    assert.equal(outcome.kind === "refused" && outcome.nack.code, NackCode.FORBIDDEN);
  }

  assert.equal(pair.worker.starts, 0);
});

test("A worker judges the calls of a connection once, and each time when a function decides", async () => {
  const asked: string[] = [];
  const rules = [
    { routine: "add", allow: ["spiffe://farm/api"] },
    {
      routine: "ask",
      allow: () => {
        asked.push("ask");
        return asked.length % 2 === 0;
      },
    },
  ];
  const bodies = { add: () => 1, ask: () => 2 };
  await using pair = await connect(bodies, { rules, local: false });
  const kinds = async (id: string): Promise<string[]> => {
    const outcomes = [];
    for (let n = 0; n < 4; n++) outcomes.push((await pair.client.call(id).outcome).kind);
    return outcomes;
  };

  assert.deepEqual(await kinds("add"), ["refused", "refused", "refused", "refused"]);
  assert.deepEqual(await kinds("ask"), ["refused", "done", "refused", "done"]);
  assert.equal(pair.worker.starts, 2);
});
