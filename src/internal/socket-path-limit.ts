/**
 * Longest path of a Unix socket, in bytes.
 *
 * @see Linux keeps 108 bytes and macOS 104, one of them a terminator; Node 20 and 22 cut longer paths
 *   off silently, so that two different paths become one socket.
 */
export const MAX_SOCKET_PATH_BYTES = 103;
