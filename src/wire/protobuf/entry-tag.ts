/** The tags of an entry of a map from strings to strings, which protobuf encodes as a message of two fields. */
export const EntryTag = {
  Key: 0x0a,
  Value: 0x12,
} as const;
