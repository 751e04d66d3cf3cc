/** Which branch the running code belongs to. */
import { processWide } from "../../internal/process-wide.ts";
import { scopeStorage } from "../scope.ts";
import { NO_BINDINGS } from "./bindings.ts";
import { Branch } from "./branch.ts";

const root = processWide("context.root-branch", () => new Branch(NO_BINDINGS, { isRoot: true }));

/** The branch of the running code. */
export function currentBranch(): Branch {
  return scopeStorage.getStore()?.branch ?? root;
}

/** The branch of all code outside any task, `run()` and `fork()`. */
export function rootBranch(): Branch {
  return root;
}
