/**
 * The tags of every field that is written or read by hand, `number << 3 | wire type`, named as in the schema:
 * one table per message. The reader and the writer of a field know its meaning. A tag never changes.
 */

export const BatchTag = {
  Frames: 0x0a,
} as const;

export const FrameTag = {
  Stream: 0x08,
  Request: 0x12,
  Response: 0x1a,
  Hello: 0x22,
  Goaway: 0x2a,
  Window: 0x32,
  Chunk: 0x3a,
  Define: 0x42,
  Ping: 0x4a,
  Pong: 0x52,
  Reset: 0x5a,
} as const;

export const RequestTag = {
  Task: 0x0a,
  Next: 0x12,
  Send: 0x1a,
  Throw: 0x22,
  Return: 802,
  Cancel: 810,
  Credit: 816,
  Signal: 826,
  Variables: 834,
  Flow: 1002,
} as const;

export const ResponseTag = {
  Ack: 0x0a,
  Nack: 0x12,
  Result: 0x1a,
  Exception: 0x22,
  Done: 802,
  Parked: 810,
  BodyUs: 816,
  Variables: 834,
  Flow: 1002,
} as const;

export const ContextChangesTag = {
  Changes: 0x0a,
  Stores: 0x12,
  Branch: 0x1a,
  SpentTokens: 0x22,
} as const;

export const ContextChangeTag = {
  Name: 0x0a,
  Value: 0x12,
  Tainted: 0x18,
} as const;

export const TaskTag = {
  Version: 0x0a,
  Id: 0x12,
  Caller: 0x1a,
  Tag: 0x22,
  Callable: 0x3a,
  Args: 0x42,
  Kwargs: 0x4a,
  Timeout: 0x50,
  RuntimeContext: 0x5a,
  Codec: 802,
  BudgetUs: 808,
  RoutineRef: 816,
  ProxyRef: 824,
  Flags: 832,
  Credit: 840,
  Parts: 848,
  Trace: 858,
  /** One feature by itself; an encoder that packs none writes the list so. */
  FeaturesUnpacked: 872,
  Features: 874,
  Callers: 882,
  Origin: 890,
  Priority: 896,
  RunTimeoutUs: 904,
  Attached: 912,
  IdempotencyKey: 962,
  Held: 922,
  Reservation: 928,
  Reserve: 938,
  Give: 1010,
  Take: 1018,
} as const;

export const ReserveTag = {
  Resources: 0x0a,
  TimeMs: 0x10,
} as const;

export const ResourceTag = {
  Name: 0x0a,
  Amount: 0x10,
} as const;

export const RuntimeContextTag = {
  DispatchTimeout: 0x09,
  Timeout: 801,
  Tag: 810,
} as const;

export const CallerTag = {
  Id: 0x0a,
  Routine: 0x12,
  Tag: 0x1a,
} as const;

export const MessageTag = {
  Dump: 0x0a,
  Parts: 800,
  Detached: 808,
  Attached: 816,
} as const;

export const CancelTag = {
  Reason: 0x0a,
} as const;

export const SignalFiredTag = {
  Index: 0x08,
  Reason: 0x12,
} as const;

export const FlowTag = {
  Index: 0x08,
  Act: 0x10,
  Number: 0x18,
  Taken: 0x20,
  Message: 0x2a,
  Trace: 858,
} as const;

export const AckTag = {
  Version: 0x0a,
  FeaturesUnpacked: 800,
  Features: 802,
  Uid: 810,
  Codec: 818,
} as const;

export const NackTag = {
  Exception: 0x0a,
  Reason: 802,
  Code: 808,
  RetryAfterMs: 816,
  Version: 826,
  Limit: 832,
  Attached: 840,
  Needs: 850,
  Free: 858,
} as const;

export const HelloTag = {
  Session: 0x08,
  Version: 0x12,
  Uid: 0x1a,
  Runtime: 0x22,
  Codecs: 0x2a,
  FeaturesUnpacked: 0x30,
  Features: 0x32,
  Limits: 0x3a,
} as const;

export const LimitsTag = {
  MaxBatch: 0x08,
  MaxMessage: 0x10,
  MaxStreams: 0x18,
  StreamWindow: 0x20,
  ConnectionWindow: 0x28,
  MaxDefines: 0x30,
  MaxOpenMessages: 0x38,
  MaxDepth: 0x40,
} as const;

export const GoAwayTag = {
  LastStream: 0x08,
  Code: 0x10,
  Detail: 0x1a,
  GraceMs: 0x20,
  Unasked: 0x320,
} as const;

export const WindowTag = {
  Bytes: 0x08,
} as const;

export const ChunkTag = {
  Part: 0x08,
  Total: 0x10,
  Data: 0x1a,
  Last: 0x20,
} as const;

export const DefineTag = {
  Kind: 0x08,
  Index: 0x10,
  Value: 0x1a,
  Location: 0x22,
  Origin: 802,
  Tainted: 808,
} as const;

export const RoutineOriginTag = {
  Copy: 0x0a,
  PackageVersion: 0x12,
  ScriptHash: 0x1a,
  Path: 0x22,
} as const;

/** Also of a Pong. */
export const PingTag = {
  Token: 0x08,
} as const;

export const ResetTag = {
  Code: 0x08,
  Detail: 0x12,
} as const;

export const StopRequestTag = {
  Timeout: 0x0d,
} as const;

export const IdleTimeTag = {
  Seconds: 0x09,
} as const;

export const WorkerMetadataTag = {
  Uid: 0x0a,
  Address: 0x12,
  Pid: 0x18,
  Version: 0x22,
  Tags: 0x2a,
  Extra: 0x32,
  Secure: 0x38,
  Connection: 0x42,
  Identity: 0x4a,
  Runtime: 802,
  Codecs: 810,
  Socket: 826,
  HostId: 842,
  Build: 850,
  Resources: 858,
} as const;

export const ChannelOptionsTag = {
  MaxReceiveMessageLength: 0x08,
  MaxSendMessageLength: 0x10,
  KeepaliveTimeMs: 0x18,
  KeepaliveTimeoutMs: 0x20,
  KeepalivePermitWithoutCalls: 0x28,
  MaxConcurrentStreams: 0x38,
} as const;

export const AccessRequestTag = {
  Identities: 0x0a,
} as const;

export const AccessReportTag = {
  Routines: 0x0a,
} as const;

export const RoutineAccessTag = {
  Routine: 0x0a,
  Permitted: 0x10,
  Rule: 0x1a,
} as const;
