/** Functions of users that judge peers. What goes wrong in one refuses the peer. */
import { errorText } from "../../internal/error-text.ts";
import { createThrottle } from "../../internal/time/throttle.ts";
import { warn } from "../../internal/warn.ts";
import type { PeerJudge } from "../worker-credentials-options.ts";

const WARNING_INTERVAL_MS = 60_000;

/** Makes a judge that never throws, and accepts only if the user's returns `true`. */
export function judgeSafely(judge: PeerJudge): PeerJudge {
  const offer = createThrottle((text) => warn("MERINO_PEERS_FAILED", text), {
    intervalMs: WARNING_INTERVAL_MS,
    changedAtOnce: false, // peers choose the identities that an error may quote
  });
  return (identities) => {
    try {
      const verdict: unknown = judge(identities);
      if (typeof verdict === "boolean") return verdict;
      offer(
        "type",
        `The function 'peers' of credentials has to return a boolean, and has returned a ${typeof verdict}: the peer is refused.`,
      );
    } catch (error) {
      offer(
        "thrown",
        `The function 'peers' of credentials has thrown, and the peer is refused: ${errorText(error)}`,
      );
    }
    return false;
  };
}
