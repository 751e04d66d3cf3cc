import assert from "node:assert/strict";
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { removeFile, sweepFile } from "../../../src/internal/remove-file.ts";
import { runNode } from "../../support/run-node.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";

describe("removeFile", () => {
  test("removes a file", () => {
    using folder = temporaryPackage({ file: "text" });

    removeFile(folder.path("file"));

    assert.equal(existsSync(folder.path("file")), false);
  });

  test("takes no offence at a file that is not there", () => {
    using folder = temporaryPackage({});

    removeFile(folder.path("file"));
  });

  test("says of a directory that it is none", () => {
    using folder = temporaryPackage({ "folder/file": "text" });

    assert.throws(() => removeFile(folder.path("folder")), { syscall: "unlink" });
    assert.equal(existsSync(folder.path("folder/file")), true);
  });

  test("removes a socket, and the next import follows links to packages all the same", async () => {
    using folder = temporaryPackage({
      "store/node_modules/linked/index.js": 'module.exports = require("needed");',
      "store/node_modules/needed/index.js": 'module.exports = "found";',
      "program.mjs": `
        import { once } from "node:events";
        import { renameSync } from "node:fs";
        import { createServer } from "node:net";
        import { removeFile } from "./remove-file.mjs";
        const server = createServer().listen("bound");
        await once(server, "listening");
        renameSync("bound", "left"); // as a killed process leaves it: the server would remove its own
        server.close();
        removeFile("left");
        console.log((await import("linked")).default);
      `,
    });
    mkdirSync(folder.path("node_modules"));
    symlinkSync(folder.path("store/node_modules/linked"), folder.path("node_modules/linked"));
    // Plain Node: a loader for TypeScript resolves in its own way.
    await build({
      entryPoints: [fileURLToPath(new URL("../../../src/internal/remove-file.ts", import.meta.url))],
      outfile: folder.path("remove-file.mjs"),
      bundle: true,
      format: "esm",
      platform: "node",
    });

    const { stdout, stderr } = await runNode(["program.mjs"], { cwd: folder.directory });

    assert.equal(stdout, "found\n", stderr);
    assert.equal(existsSync(folder.path("left")), false);
  });
});

describe("sweepFile", () => {
  test("removes a file, and takes one that is not there for gone", () => {
    using folder = temporaryPackage({ file: "text" });

    const gone = [sweepFile(folder.path("file")), sweepFile(folder.path("file"))];

    assert.deepEqual(gone, [true, true]);
    assert.equal(existsSync(folder.path("file")), false);
  });

  test("leaves what cannot be removed", () => {
    using folder = temporaryPackage({ "folder/file": "text" });

    assert.equal(sweepFile(folder.path("folder")), false);
    assert.equal(existsSync(folder.path("folder/file")), true);
  });
});
