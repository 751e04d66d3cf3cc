/** One spelling for each IPv6 address. */

/**
 * Writes an IPv6 address as everybody should: in lower case and as short as it gets.
 *
 * @param address Valid, without brackets. One with a zone stays as it is: the zone is a name.
 * @see https://www.rfc-editor.org/rfc/rfc5952
 * @example
 * canonicalIPv6("FD00:0:0::10"); // => "fd00::10"
 */
export function canonicalIPv6(address: string): string {
  return address.includes("%") ? address : new URL(`http://[${address}]/`).hostname.slice(1, -1);
}
