/**
 * Merino: any function or generator becomes a routine that runs on a pool of workers.
 *
 * The public door: names, no logic. First what every program uses, then what stands behind it, last the
 * interfaces to implement for a discovery, balancer or worker of one's own. The blank line after each heading
 * keeps the formatter from sorting across it.
 */

// Routines and their calls: docs/routines.md, docs/streaming.md, docs/cancellation.md

export type { CallOptions, IdempotentCallOptions } from "./context/dispatcher.ts";
export { currentTask } from "./context/scope.ts";
export type { Task, TaskCaller } from "./context/task.ts";
export type {
  FailedAttempt,
  HedgeOptions,
  RepeatOptions,
  RetryBackoff,
  RetryBudget,
  RetryOptions,
} from "./identity/repeat-options.ts";
export { routine } from "./routine/routine.ts";
export type {
  AnswersOnce,
  IdempotentRoutine,
  IdempotentRoutineMembers,
  IdempotentRoutineOptions,
  Routine,
  RoutineBody,
  RoutineCall,
  RoutineMembers,
  RoutineOptions,
} from "./routine/routine-types.ts";

// Context that travels: docs/context.md

export { type BoundStoreOptions, bindStore } from "./context/variables/bound-stores.ts";
export type { ContextToken } from "./context/variables/context-token.ts";
export {
  ContextVar,
  type ContextVarConstructor,
  type ContextVarOptions,
} from "./context/variables/context-var.ts";
export { fork } from "./context/variables/fork.ts";
export { type BlockCallOptions, withCallOptions } from "./routine/call-block.ts";

// Pools, and what can be seen of them: docs/pools.md

export type { TaskEvent } from "./client/dispatch/task-event.ts";
export type { BuildOption } from "./client/membership/build-rule.ts";
export type {
  ExplainedMember,
  Explanation,
  LimitedRoutine,
  WaitingForResources,
} from "./client/membership/explanation.ts";
export type { Overflow, QueueEvent } from "./client/waiting/queue-bound.ts";
export { WorkerProxy } from "./client/worker-proxy.ts";
export type { WorkerProxyOptions, WorkerSource } from "./client/worker-proxy-options.ts";
export type { EachResult } from "./pool/each-worker.ts";
export type { MapOptions, MapResult } from "./pool/map-calls.ts";
export type { PoolEvent, ReservationEvent } from "./pool/pool-event.ts";
export type { PoolExplanation, PoolStats, ResourceFigures } from "./pool/pool-stats.ts";
export type { Reservation, ReserveOptions } from "./pool/reservation.ts";
export type { SizeRange } from "./pool/size/size-range.ts";
export { WorkerPool } from "./pool/worker-pool.ts";
export type { WorkerPoolOptions } from "./pool/worker-pool-options.ts";
export { isMain } from "./process/is-main.ts";
export type { RecycleOptions } from "./process/recycle/recycle-options.ts";

// Workers: docs/workers.md

export {
  type StopWorkerOptions,
  WorkerConnection,
  type WorkerConnectionOptions,
} from "./client/worker-connection.ts";
export type { OpenWorkerOptions } from "./process/open-worker-options.ts";
export { ProcessWorker } from "./process/process-worker.ts";
export type { ProcessWorkerOptions } from "./process/process-worker-options.ts";
export type { CloseWorkerOptions, RunningWorker } from "./process/running-worker.ts";
export { ThreadWorker } from "./thread/thread-worker.ts";
export type { ThreadResourceLimits, ThreadWorkerOptions } from "./thread/thread-worker-options.ts";
export { type ChannelOptions, DEFAULT_CHANNEL_OPTIONS } from "./wire/channel-options.ts";
export { isVersionCompatible, type ParsedVersion, parseVersion, version } from "./wire/version.ts";
export type { WorkerMetadata } from "./wire/worker-metadata.ts";
export type { AcceptHook, AcceptTask } from "./worker/accept-hook.ts";

// State of workers, and code that only they load: docs/worker-state.md

export {
  type ModuleGenerators,
  type ModuleRoutines,
  type ModuleRoutinesOptions,
  routines,
} from "./routine/worker-routines.ts";
export { type PerWorker, type PerWorkerOptions, perWorker } from "./state/per-worker.ts";
export { onWorkerStart, onWorkerStop, type WorkerHook } from "./state/worker-hooks.ts";
export type { WorkerSelf } from "./state/worker-self.ts";
export type { MakeContext } from "./state/worker-value.ts";
export type { WarmValue } from "./state/worker-values.ts";

// Credentials: docs/credentials.md

export type { AllowedPeers } from "./credentials/peers/allowed-peers.ts";
export type { Peer } from "./credentials/peers/peer.ts";
export type { Trust, TrustData, TrustMaterial, TrustPolicy } from "./credentials/trust.ts";
export { WorkerCredentials } from "./credentials/worker-credentials.ts";
export type {
  CredentialsFiles,
  CredentialsPem,
  CredentialsPolicyOptions,
  CredentialsProviderOptions,
  PeerJudge,
  ProvidedCredentials,
} from "./credentials/worker-credentials-options.ts";
export type { AccessRule } from "./worker/access/access-rules.ts";
export type { ForbiddenCall } from "./worker/access/forbidden-calls.ts";

// Where workers are found: docs/discovery.md

export { DnsDiscovery } from "./discovery/dns/dns-discovery.ts";
export type { DnsDiscoveryOptions } from "./discovery/dns/dns-discovery-options.ts";
export { LanDiscovery } from "./discovery/lan/lan-discovery.ts";
export type { LanDiscoveryOptions } from "./discovery/lan/lan-discovery-options.ts";
export { LocalDiscovery } from "./discovery/local/local-discovery.ts";
export { StaticDiscovery } from "./discovery/static-discovery.ts";

// How calls are spread over them: docs/pools.md

export { LeastBusyBalancer } from "./balancer/least-busy-balancer.ts";
export { RoundRobinBalancer } from "./balancer/round-robin-balancer.ts";
export { StickyBalancer } from "./balancer/sticky-balancer.ts";

// Values: docs/values.md

export { type Callback, callback } from "./codec/beside/callback.ts";
export { type Movable, type MovableHandle, move } from "./codec/beside/move.ts";
export { decode, encode, type PortableOptions, portable } from "./codec/portable.ts";

// Telemetry, what the library tells of itself: docs/telemetry.md

export type { PoolMessage } from "./pool/pool-message.ts";
export type { AttemptMessage } from "./telemetry/attempt-message.ts";
export type { CallMessage, CallOutcome, CallRefusal, CallWorker } from "./telemetry/call-message.ts";
export type { ConnectingMessage, DiscoveryEventMessage } from "./telemetry/discovery-message.ts";
export type { ExecutionMessage, ExecutionOutcome } from "./telemetry/execution-message.ts";
export type { TraceContext, TraceIds } from "./telemetry/trace-context.ts";
export type { WorkerEnding } from "./telemetry/worker-ending.ts";
export type { WorkerExitMessage, WorkerMessage } from "./telemetry/worker-message.ts";

// Errors: docs/errors.md

export { CallEndedError } from "./errors/call-ended-error.ts";
export { ContextError } from "./errors/context-error.ts";
export { CredentialsError, type CredentialsFault } from "./errors/credentials-error.ts";
export { HandshakeError, type HandshakeReason } from "./errors/handshake-error.ts";
export { InvalidOptionError } from "./errors/invalid-option-error.ts";
export { type Fault, isMerinoError, MerinoError, type MerinoErrorLike } from "./errors/merino-error.ts";
export { NoActivePoolError } from "./errors/no-active-pool-error.ts";
export { NoWorkersAvailableError, type Refusal } from "./errors/no-workers-available-error.ts";
export { NotSerializableError } from "./errors/not-serializable-error.ts";
export { PayloadError } from "./errors/payload-error.ts";
export { PoolClosedError } from "./errors/pool-closed-error.ts";
export { PoolInWorkerError } from "./errors/pool-in-worker-error.ts";
export { ProtocolError } from "./errors/protocol-error.ts";
export { QueueFullError } from "./errors/queue-full-error.ts";
export { RemoteError } from "./errors/remote-error.ts";
export { type ReservationEnd, ReservationLostError } from "./errors/reservation-lost-error.ts";
export { RoutineDeclarationError } from "./errors/routine-declaration-error.ts";
export { RoutineNotFoundError } from "./errors/routine-not-found-error.ts";
export { TaskRefusedError } from "./errors/task-refused-error.ts";
export { type CallPhase, TimeoutError } from "./errors/timeout-error.ts";
export { VersionError } from "./errors/version-error.ts";
export { type LossReason, type LostWorker, WorkerLostError } from "./errors/worker-lost-error.ts";
export { type FailedStart, WorkerStartError } from "./errors/worker-start-error.ts";
export { WorkerStateError, type WorkerStateReason } from "./errors/worker-state-error.ts";

// Of one's own: interfaces of discoveries, balancers, workers, and what carries calls

export type {
  BalancedTask,
  Balancer,
  BalancerFactory,
  Candidate,
  CandidateIndex,
} from "./balancer/balancer.ts";
export type { CallRequest, CallTarget, Dispatcher } from "./context/dispatcher.ts";
export type {
  Discovery,
  DiscoveryDescriptor,
  DiscoveryEvent,
  DiscoveryFactory,
  Publisher,
  SubscribeOptions,
} from "./discovery/discovery.ts";
export type { ProgramState } from "./process/launch/program-state.ts";
export type {
  ChildMessage,
  ParentMessage,
  Worker,
  WorkerContext,
  WorkerExit,
  WorkerFactory,
} from "./process/worker.ts";
export type { Carrier, CarrierEvents } from "./session/carrier.ts";
