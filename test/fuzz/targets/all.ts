/** Every target. */
import type { FuzzTarget } from "../target.ts";
import { contextVariables } from "./context.ts";
import { credentials } from "./credentials.ts";
import { callerFlows, workerFlows } from "./flows.ts";
import { frames, grpcMessages } from "./frames.ts";
import { grpcServices } from "./grpc-services.ts";
import { http2Connections } from "./http2-connections.ts";
import { dnsAnswers, multicastPackets, registryFiles, serviceMessages, texts } from "./records.ts";
import { clientSessions, serverSessions } from "./sessions.ts";
import { childMessages, commandLines } from "./texts-of-people.ts";
import { values } from "./values.ts";

/** In an order that stays: a seed and a number name an input by the place of its target. New ones come last. */
export const TARGETS: readonly FuzzTarget[] = [
  values,
  frames,
  serviceMessages,
  texts,
  multicastPackets,
  dnsAnswers,
  registryFiles,
  childMessages,
  commandLines,
  grpcMessages,
  serverSessions,
  clientSessions,
  credentials,
  grpcServices,
  contextVariables,
  http2Connections,
  workerFlows,
  callerFlows,
];
