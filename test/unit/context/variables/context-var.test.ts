/** Context variables within one process: values, branches, tokens, declarations. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContextToken } from "../../../../src/context/variables/context-token.ts";
import { ContextVar } from "../../../../src/context/variables/context-var.ts";
import { currentBranch } from "../../../../src/context/variables/current-branch.ts";
import { fork } from "../../../../src/context/variables/fork.ts";

const tenant = new ContextVar<string>("context-var.test tenant", { default: "none" });
const count = new ContextVar<number>("context-var.test count");

test("ContextVar gives its default, or undefined, where it has not been set", () => {
  assert.equal(tenant.get(), "none");
  assert.equal(count.get(), undefined);
});

test("ContextVar.run gives its function the value, and nothing outside it", async () => {
  const inside = await tenant.run("acme", async () => {
    await new Promise(setImmediate);
    return tenant.run("inner", () => [tenant.get()]).concat(tenant.get());
  });

  assert.deepEqual(inside, ["inner", "acme"]);
  assert.equal(tenant.get(), "none");
});

test("ContextVar.set is seen after an await of the function that has set it", async () => {
  const seen = await tenant.run("acme", async () => {
    const change = async (): Promise<void> => {
      await new Promise(setImmediate);
      tenant.set("changed");
    };
    await change();
    return tenant.get();
  });

  assert.equal(seen, "changed");
});

test("fork keeps its changes, and sees those from before", () => {
  const [inside, outside] = tenant.run("acme", () => {
    const forked = fork(() => {
      const before = tenant.get();
      tenant.set("forked");
      return [before, tenant.get()];
    });
    return [forked, tenant.get()];
  });

  assert.deepEqual(inside, ["acme", "forked"]);
  assert.equal(outside, "acme");
});

test("a variable that is set to undefined has that value, and not its default", () => {
  const seen = count.run(1, () => {
    count.set(undefined);
    return [count.get(), currentBranch().bindings.has(count.id)];
  });

  assert.deepEqual(seen, [undefined, true]);
});

test("ContextVar.reset gives back the values before, in any order of the tokens", () => {
  const seen = tenant.run("acme", () => {
    const first = tenant.set("one");
    const second = tenant.set("two");
    tenant.reset(first);
    const afterFirst = tenant.get();
    tenant.reset(second);
    return [afterFirst, tenant.get()];
  });

  assert.deepEqual(seen, ["acme", "one"]);
});

test("ContextVar.reset takes the value away where there was none before", () => {
  const seen = fork(() => {
    const token = count.set(7);
    count.reset(token);
    return currentBranch().bindings.has(count.id);
  });

  assert.equal(seen, false);
});

test("a token can be used once", () => {
  fork(() => {
    const token = tenant.set("a");
    tenant.reset(token);
    tenant.set("b");

    assert.throws(() => tenant.reset(token), { code: "ERR_MERINO_CONTEXT", message: /already been used/ });
    assert.equal(tenant.get(), "b");
  });
});

test("a token is refused by another variable, and stays usable", () => {
  fork(() => {
    const token = tenant.set("a");

    assert.throws(() => count.reset(token), { code: "ERR_MERINO_CONTEXT", message: /another variable/ });
    tenant.reset(token);
    assert.equal(tenant.get(), "none");
  });
});

test("a token is refused in another branch, and can still be used in its own", () => {
  tenant.run("acme", () => {
    const token = tenant.set("a");

    fork(() =>
      assert.throws(() => tenant.reset(token), { code: "ERR_MERINO_CONTEXT", message: /another branch/ }),
    );
    tenant.run("inner", () => assert.throws(() => tenant.reset(token), /another branch/));
    tenant.reset(token);
    assert.equal(tenant.get(), "acme");
  });
});

test("ContextVar.reset refuses what is no token", () => {
  for (const token of [undefined, null, {}, "token"]) {
    assert.throws(() => tenant.reset(token as ContextToken), { code: "ERR_MERINO_INVALID_OPTION" });
  }
});

test("outside any branch, ContextVar.set sets the value of the process", async () => {
  const global = new ContextVar<string>("context-var.test global");
  const token = global.set("all");
  await new Promise(setImmediate);

  assert.equal(global.get(), "all");
  assert.equal(
    fork(() => global.get()),
    "all",
  );
  global.reset(token);
  assert.equal(global.get(), undefined);
});

test("two variables of one name are refused where the second is declared", () => {
  const declare = (): unknown => new ContextVar("context-var.test twice");
  declare();

  assert.throws(declare, {
    code: "ERR_MERINO_ROUTINE_DECLARATION",
    message: /context variable 'merino#context-var\.test twice'/,
  });
});

test("a namespace is the first part of a variable's identity", () => {
  const apart = new ContextVar("context-var.test tenant", { namespace: "elsewhere" });

  assert.equal(apart.id, "elsewhere#context-var.test tenant");
  assert.equal(tenant.id, "merino#context-var.test tenant");
});

for (const [what, declare] of [
  ["no name", () => new ContextVar("")],
  ["a name with a '#'", () => new ContextVar("a#b")],
  ["a name that is no text", () => new ContextVar(7 as unknown as string)],
  ["an unknown option", () => new ContextVar("context-var.test x", { defautl: 1 } as object)],
  ["an option of a wrong type", () => new ContextVar("context-var.test y", { back: 1 } as object)],
] as const) {
  test(`ContextVar refuses ${what}`, () => {
    assert.throws(declare, { code: "ERR_MERINO_INVALID_OPTION" });
  });
}

test("concurrent requests, each in its run(), never see one another's value", async () => {
  const rounds = 2_000;
  const wrong: string[] = [];
  await Promise.all(
    Array.from({ length: rounds }, (_, index) =>
      tenant.run(`tenant ${index}`, async () => {
        for (let step = 0; step < 3; step++) {
          await new Promise(setImmediate);
          if (tenant.get() !== `tenant ${index}`) wrong.push(tenant.get());
        }
      }),
    ),
  );

  assert.deepEqual(wrong, []);
});
