// A tar of one file, written and found again; packed without compressing, so that the same file gives the same bytes
// with every version of every zlib.
// https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html (ustar); RFC 1952 (gzip), RFC 1951 (stored)

const BLOCK = 512;
const NAME_LENGTH = 100;
const SIZE_OFFSET = 124;
const SIZE_LENGTH = 12;
const CHECKSUM_OFFSET = 148;
const CHECKSUM_LENGTH = 8;
const TYPE_OFFSET = 156;
const PREFIX_OFFSET = 345;
const PREFIX_LENGTH = 155;
const REGULAR_FILE = "0".charCodeAt(0);
const MAX_STORED = 0xffff;

/** @param name of at most 100 ASCII characters. The file belongs to nobody and has no date. */
export function tarOf(name: string, content: Uint8Array): Uint8Array<ArrayBuffer> {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, length: number): string =>
    `${value.toString(8).padStart(length - 1, "0")}\0`;
  header.write(name, 0, "ascii");
  header.write(octal(0o644, 8), 100, "ascii");
  header.write(octal(0, 8), 108, "ascii");
  header.write(octal(0, 8), 116, "ascii");
  header.write(octal(content.length, SIZE_LENGTH), SIZE_OFFSET, "ascii");
  header.write(octal(0, 12), 136, "ascii");
  header[TYPE_OFFSET] = REGULAR_FILE;
  header.write("ustar\0" + "00", 257, "ascii");
  header.write(`${checksum(header).toString(8).padStart(6, "0")}\0 `, CHECKSUM_OFFSET, "ascii");
  const padded = Math.ceil(content.length / BLOCK) * BLOCK;
  // Two empty blocks are its end.
  const tar = new Uint8Array(BLOCK + padded + 2 * BLOCK);
  tar.set(header);
  tar.set(content, BLOCK);
  return tar;
}

/**
 * The first file that is called `name`, in whichever folder.
 * @returns undefined when there is none, or when the tar is cut off before it.
 */
export function fileInTar(tar: Uint8Array, name: string): Uint8Array | undefined {
  const bytes = Buffer.from(tar.buffer, tar.byteOffset, tar.byteLength);
  let offset = 0;
  while (offset + BLOCK <= bytes.length) {
    const header = bytes.subarray(offset, offset + BLOCK);
    const size = sizeIn(header);
    if (size === undefined || !hasChecksum(header)) return undefined;
    const start = offset + BLOCK;
    const type = header[TYPE_OFFSET];
    const isFile = type === REGULAR_FILE || type === 0;
    if (isFile && baseName(header) === name) {
      return start + size <= bytes.length ? bytes.subarray(start, start + size) : undefined;
    }
    offset = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  return undefined;
}

function textIn(header: Buffer, offset: number, length: number): string {
  const field = header.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return field.subarray(0, end < 0 ? length : end).toString("latin1");
}

function baseName(header: Buffer): string {
  const prefix = textIn(header, PREFIX_OFFSET, PREFIX_LENGTH);
  const path = `${prefix}/${textIn(header, 0, NAME_LENGTH)}`;
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Octal digits. What is larger than they can say is larger than any module. */
function sizeIn(header: Buffer): number | undefined {
  const digits = textIn(header, SIZE_OFFSET, SIZE_LENGTH).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : undefined;
}

function hasChecksum(header: Buffer): boolean {
  const digits = textIn(header, CHECKSUM_OFFSET, CHECKSUM_LENGTH).trim();
  return /^[0-7]+$/.test(digits) && Number.parseInt(digits, 8) === checksum(header);
}

/** Of a header whose own field counts as spaces. */
function checksum(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < BLOCK; at++) {
    const isOwn = at >= CHECKSUM_OFFSET && at < CHECKSUM_OFFSET + CHECKSUM_LENGTH;
    sum += isOwn ? 0x20 : (header[at] ?? 0);
  }
  return sum;
}

/** A gzip file in which the content stands as it is. */
export function storedGzip(content: Uint8Array): Uint8Array<ArrayBuffer> {
  const blocks = Math.max(1, Math.ceil(content.length / MAX_STORED));
  const gzip = Buffer.alloc(10 + blocks * 5 + content.length + 8);
  // Deflate; no flags, no date; system unknown.
  gzip.set([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
  let at = 10;
  for (let block = 0; block < blocks; block++) {
    const part = content.subarray(block * MAX_STORED, (block + 1) * MAX_STORED);
    at = gzip.writeUInt8(block === blocks - 1 ? 1 : 0, at);
    at = gzip.writeUInt16LE(part.length, at);
    at = gzip.writeUInt16LE(part.length ^ 0xffff, at);
    gzip.set(part, at);
    at += part.length;
  }
  at = gzip.writeUInt32LE(crc32(content), at);
  gzip.writeUInt32LE(content.length >>> 0, at);
  return Uint8Array.from(gzip);
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(content: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of content) crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ byte) & 0xff] ?? 0);
  return (crc ^ 0xffffffff) >>> 0;
}
