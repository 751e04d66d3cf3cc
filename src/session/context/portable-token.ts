/** Lets tokens of context variables travel as values. */
import { decode, encode, portable } from "../../codec/portable.ts";
import { BranchToken, type TravellingToken } from "../../context/variables/branch-token.ts";
import { ownUrl } from "../../internal/package-files.ts";
import { processWide } from "../../internal/process-wide.ts";

// Once for all copies of the package, which share the class.
processWide("context.portable-token", () => {
  Object.defineProperties(BranchToken, {
    [encode]: { value: (token: BranchToken) => token.toTravel() },
    [decode]: { value: (token: TravellingToken) => BranchToken.received(assertToken(token)) },
  });
  return portable(BranchToken, { id: "merino#ContextToken", module: ownUrl });
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
