/** Lets tokens of context variables travel as values. */
import { registerPortable } from "../../codec/portable-registry.ts";
import { BranchToken, type TravellingToken } from "../../context/variables/branch-token.ts";
import type { DeclarationSite } from "../../identity/call-site.ts";
import { ownUrl } from "../../internal/package-files.ts";
import { processWide } from "../../internal/process-wide.ts";
import { version } from "../../wire/version.ts";

const ID = "merino#ContextToken";

/** Nothing is ever declared here again. */
const SITE: DeclarationSite = {
  module: ownUrl,
  declaredIn: undefined,
  script: ownUrl,
  path: "",
  isAtTop: true,
  evaluation: {
    order: 0,
    kind: "other",
    script: ownUrl,
    isGuess: false,
    paths: new Map(),
    scriptHash: () => undefined,
  },
};

// Once for all copies of the package, which share the class. What `portable()` would find out from the stack and the
// package's manifest is known here, and finding it takes 3 ms of each process.
processWide("context.portable-token", () => {
  registerPortable({
    id: ID,
    constructor: BranchToken,
    encode: (token) => (token as BranchToken).toTravel(),
    decode: (token) => BranchToken.received(assertToken(token as TravellingToken)),
    copy: undefined,
    conflict: undefined,
    declaration: {
      id: ID,
      isIdGiven: true,
      subject: BranchToken,
      site: SITE,
      copy: "",
      version,
      conflict: undefined,
    },
  });
  return BranchToken;
});

/** What another process has sent in place of one may be anything. */
function assertToken(token: TravellingToken): TravellingToken {
  const { id, variable, branch, used, previous } = token;
  const isToken =
    typeof id === "string" &&
    typeof variable === "string" &&
    Array.isArray(branch) &&
    branch.every((one) => typeof one === "string") &&
    typeof used === "boolean" &&
    (previous === undefined || (typeof previous === "object" && previous !== null && "value" in previous));
  if (!isToken) throw new TypeError("not a token of a context variable");
  return token;
}
