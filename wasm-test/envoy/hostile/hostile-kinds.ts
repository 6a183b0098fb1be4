// Everything that a hostile client may do, and what the proxy has to make of it.
import type { HostileConnection } from "./hostile-connection.js";

/**
 * answered   by a server, and still open
 * refused    told that the request is malformed or too large, then closed
 * late       told that the request did not arrive in time, then closed
 * closed     closed without a word: there is no id to answer
 * open       nothing happened to it, and nothing has to
 * unread     closed although it never read
 * gone       its own doing
 */
export type Fate = "answered" | "refused" | "late" | "closed" | "open" | "unread" | "gone";

/** The counter of the module that tells of it, once for each such connection. */
export type Counter = "downstream_decode_error" | "downstream_frame_timeout" | undefined;

export interface HostileKind {
  readonly name: string;
  readonly fate: Fate;
  readonly counter?: Counter;
  /** Out of all connections of its protocol, in relation to the others; default 1. */
  readonly share?: number;
  readonly act: (connection: HostileConnection, index: number) => void;
}

const MALFORMED = "metaproto: the request is malformed or too large";
const LATE = "metaproto: the request did not arrive in time";

/** What has become of it so far; undefined: none of the above. */
export function fateOf(connection: HostileConnection, kind: HostileKind): Fate | undefined {
  const { isClosed, receivedBytes, errorText } = connection;
  if (kind.fate === "gone") return "gone";
  if (!isClosed) return receivedBytes === 0 ? "open" : errorText === "" ? "answered" : undefined;
  if (kind.fate === "unread") return "unread";
  if (errorText === MALFORMED) return "refused";
  if (errorText === LATE) return "late";
  return receivedBytes === 0 ? "closed" : undefined;
}

/** Text that breaks what is careless with text. */
const NASTY_TEXTS = [
  "",
  "\0",
  "\0\0\0\0hidden",
  "../../../../etc/passwd",
  "%s%s%s%n%x",
  "\r\n\r\nGET / HTTP/1.1\r\n\r\n",
  "'; DROP TABLE routes; --",
  "\u202eevil\u202c",
  "\ud83d\ude00".repeat(200),
  "\uffff\ufffe\ufeff",
  "x".repeat(60_000),
  "metaproto.route",
];

export function nastyText(index: number): string {
  return NASTY_TEXTS[index % NASTY_TEXTS.length] ?? "";
}

export interface HostileFrames {
  /** A request that a server answers with a few bytes; the text is one of its strings. */
  readonly request: (id: number, text: string) => Buffer;
  /** A request that a server answers with 256 KiB. */
  readonly large: (id: number) => Buffer;
  /** Bytes that the protocol never begins with. */
  readonly garbage: (index: number) => Buffer;
}

/** At most so many large answers are asked for by one client that never reads: 16 MiB. */
const UNREAD_REQUESTS = 64;
const LORIS_INTERVAL_MS = 100;
/** Of a request with a text of 300 bytes: its id is among them, its end is not. */
const KNOWN_BYTES = 400;

/** The kinds that are the same for every protocol. */
export function commonKinds(frames: HostileFrames): HostileKind[] {
  return [...nonsense(frames), ...slowness(frames), ...endings(frames)];
}

function nonsense(frames: HostileFrames): HostileKind[] {
  return [
    {
      name: "garbage",
      fate: "closed",
      counter: "downstream_decode_error",
      act: (connection, index) => {
        connection.send(frames.garbage(index));
      },
    },
    {
      name: "garbage, then a valid request",
      fate: "closed",
      counter: "downstream_decode_error",
      act: (connection, index) => {
        connection.send(frames.garbage(index));
        connection.send(frames.request(1, "hello"));
      },
    },
    {
      name: "valid frames with hostile strings",
      fate: "answered",
      act: (connection, index) => {
        connection.send(frames.request(1, nastyText(index)));
      },
    },
  ];
}

function slowness(frames: HostileFrames): HostileKind[] {
  const whole = frames.request(1, "x".repeat(300));
  return [
    {
      name: "half a frame, then silence",
      fate: "late",
      counter: "downstream_frame_timeout",
      act: (connection, index) => {
        connection.send(whole.subarray(0, KNOWN_BYTES + (index % 100)));
      },
    },
    {
      name: "slow-loris, byte by byte",
      fate: "late",
      counter: "downstream_frame_timeout",
      act: (connection) => {
        connection.send(whole.subarray(0, KNOWN_BYTES));
        const byteAt = (at: number): Buffer =>
          whole.subarray(KNOWN_BYTES + at, KNOWN_BYTES + at + 1);
        connection.trickle(byteAt, LORIS_INTERVAL_MS);
      },
    },
    {
      name: "never reading",
      fate: "unread",
      share: 0.15,
      act: (connection) => {
        connection.stopReading();
        const ids = Array.from({ length: UNREAD_REQUESTS }, (_, id) => id);
        connection.send(Buffer.concat(ids.map((id) => frames.large(id))));
        // A write is how such a client finds out that it is closed.
        connection.trickle(() => whole, 500);
      },
    },
    {
      name: "silent",
      fate: "open",
      act: () => undefined,
    },
  ];
}

function endings(frames: HostileFrames): HostileKind[] {
  const whole = frames.request(1, "x".repeat(300));
  return [
    {
      name: "reset at any byte",
      fate: "gone",
      share: 2,
      act: (connection, index) => {
        connection.send(whole.subarray(0, index % (whole.length + 1)));
        setImmediate(() => {
          connection.reset();
        });
      },
    },
    {
      name: "FIN within a frame",
      fate: "closed",
      act: (connection, index) => {
        connection.send(whole.subarray(0, 1 + (index % (whole.length - 1))));
        connection.finish();
      },
    },
  ];
}
