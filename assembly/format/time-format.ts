// Times in UTC, by a format with the common conversions of strftime.
// Source: POSIX strftime; `%f` and `%1f` to `%9f` (digits of a second's fraction) as Envoy has them.
// Allocates: never.

/** Bytes of a format. */
export const MAX_TIME_FORMAT_BYTES: u32 = 64;
/** Bytes that any time needs at most: of two bytes of a format, `%s` makes eleven. */
export const TIME_BYTES: u32 = 6 * MAX_TIME_FORMAT_BYTES;

const PERCENT: u32 = 0x25;
const NS_PER_SECOND: u64 = 1_000_000_000;
const SECONDS_PER_DAY: u64 = 86_400;
/** From 0000-03-01, a Wednesday, to 1970-01-01. */
const EPOCH_DAY: u32 = 719_468;
const WEDNESDAY: u32 = 3;
const DAYS_BEFORE_MARCH: u32 = 59;

/** Three letters each, as little-endian integers: "Sun" to "Sat", "Jan" to "Dec". */
const WEEKDAYS: StaticArray<u32> = [
  0x6e7553, 0x6e6f4d, 0x657554, 0x646557, 0x756854, 0x697246, 0x746153,
];
const MONTHS: StaticArray<u32> = [
  0x6e614a, 0x626546, 0x72614d, 0x727041, 0x79614d, 0x6e754a, 0x6c754a, 0x677541, 0x706553,
  0x74634f, 0x766f4e, 0x636544,
];

/** The offset of a conversion in the `len` bytes at `ptr` that there is not, or -1. */
export function timeFormatFault(ptr: usize, len: u32): i32 {
  for (let i: u32 = 0; i < len; i++) {
    if (load<u8>(ptr + i) != PERCENT) continue;
    const start = i++;
    if (i < len && isFractionDigit(load<u8>(ptr + i)) && i + 1 < len) {
      if (load<u8>(ptr + i + 1) != 0x66) return start;
      i++;
    } else if (i == len || !isConversion(load<u8>(ptr + i))) {
      return start;
    }
  }
  return -1;
}

function isFractionDigit(byte: u32): bool {
  return byte - 0x31 < 9;
}

function isConversion(byte: u32): bool {
  switch (byte) {
    case PERCENT:
    case 0x46: // F
    case 0x48: // H
    case 0x4d: // M
    case 0x53: // S
    case 0x54: // T
    case 0x59: // Y
    case 0x5a: // Z
    case 0x61: // a
    case 0x62: // b
    case 0x64: // d
    case 0x65: // e
    case 0x66: // f
    case 0x6a: // j
    case 0x6d: // m
    case 0x73: // s
    case 0x79: // y
    case 0x7a: // z
      return true;
    default:
      return false;
  }
}

/** Writes times; reused. */
export class TimeWriter {
  private out: usize = 0;
  private seconds: u64 = 0;
  private nanos: u32 = 0;
  private year: u32 = 0;
  private month: u32 = 0;
  private day: u32 = 0;
  private dayOfYear: u32 = 0;
  private weekday: u32 = 0;

  /**
   * Writes the time `unixNs` nanoseconds after 1970 at `out` (room for TIME_BYTES); returns its bytes. The format
   * has no fault and at most MAX_TIME_FORMAT_BYTES.
   */
  write(out: usize, unixNs: u64, format: usize, len: u32): u32 {
    this.out = out;
    this.seconds = unixNs / NS_PER_SECOND;
    this.nanos = <u32>(unixNs % NS_PER_SECOND);
    this.findDate(<u32>(this.seconds / SECONDS_PER_DAY));
    for (let i: u32 = 0; i < len; i++) {
      const byte = <u32>load<u8>(format + i);
      if (byte != PERCENT || i + 1 >= len) {
        this.byte(byte);
        continue;
      }
      i++;
      const conversion = <u32>load<u8>(format + i);
      if (isFractionDigit(conversion)) {
        this.fraction(conversion - 0x30);
        i++;
      } else {
        this.convert(conversion);
      }
    }
    return <u32>(this.out - out);
  }

  /** With years that begin in March the leap day is the last of its year. */
  private findDate(unixDay: u32): void {
    const day = unixDay + EPOCH_DAY;
    const era = day / 146_097;
    const dayOfEra = day % 146_097;
    const yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365;
    const marchDay = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
    // Months from March on have 31 30 31 30 31 days, again and again: 153 in five.
    const marchMonth = (5 * marchDay + 2) / 153;
    this.day = marchDay - (153 * marchMonth + 2) / 5 + 1;
    this.month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
    const year = 400 * era + yearOfEra + (this.month <= 2 ? 1 : 0);
    this.year = year;
    const isLeap = (year & 3) == 0 && (year % 100 != 0 || year % 400 == 0);
    this.dayOfYear =
      this.month <= 2 ? marchDay - 305 : marchDay + DAYS_BEFORE_MARCH + (isLeap ? 2 : 1);
    this.weekday = (day + WEDNESDAY) % 7;
  }

  private convert(conversion: u32): void {
    switch (conversion) {
      case 0x46: // F
        this.digits(this.year / 100, 2, 0x30);
        this.date(this.year % 100, this.month, this.day, 0x2d);
        break;
      case 0x48: // H
        this.digits(this.hour, 2, 0x30);
        break;
      case 0x4d: // M
        this.digits(this.minute, 2, 0x30);
        break;
      case 0x53: // S
        this.digits(this.second, 2, 0x30);
        break;
      case 0x54: // T
        this.date(this.hour, this.minute, this.second, 0x3a);
        break;
      case 0x59: // Y
        this.digits(this.year, 4, 0x30);
        break;
      case 0x5a: // Z
        this.letters(0x435455);
        break;
      case 0x61: // a
        this.letters(unchecked(WEEKDAYS[this.weekday]));
        break;
      case 0x62: // b
        this.letters(unchecked(MONTHS[this.month - 1]));
        break;
      case 0x64: // d
        this.digits(this.day, 2, 0x30);
        break;
      case 0x65: // e
        this.digits(this.day, 2, 0x20);
        break;
      case 0x66: // f
        this.fraction(9);
        break;
      case 0x6a: // j
        this.digits(this.dayOfYear, 3, 0x30);
        break;
      case 0x6d: // m
        this.digits(this.month, 2, 0x30);
        break;
      case 0x73: // s
        this.epoch();
        break;
      case 0x79: // y
        this.digits(this.year % 100, 2, 0x30);
        break;
      case 0x7a: // z
        this.byte(0x2b);
        this.digits(0, 4, 0x30);
        break;
      default:
        this.byte(PERCENT);
    }
  }

  private get hour(): u32 {
    return <u32>(this.seconds % SECONDS_PER_DAY) / 3_600;
  }

  private get minute(): u32 {
    return (<u32>(this.seconds % SECONDS_PER_DAY) / 60) % 60;
  }

  private get second(): u32 {
    return <u32>(this.seconds % 60);
  }

  private byte(byte: u32): void {
    store<u8>(this.out++, <u8>byte);
  }

  private letters(three: u32): void {
    store<u8>(this.out, <u8>three);
    store<u8>(this.out + 1, <u8>(three >> 8));
    store<u8>(this.out + 2, <u8>(three >> 16));
    this.out += 3;
  }

  /** Two digits each. */
  private date(first: u32, second: u32, third: u32, separator: u32): void {
    this.digits(first, 2, 0x30);
    this.byte(separator);
    this.digits(second, 2, 0x30);
    this.byte(separator);
    this.digits(third, 2, 0x30);
  }

  /** The last `count` digits of `value`, with `fill` for zeros in front. */
  private digits(value: u32, count: u32, fill: u32): void {
    let rest = value;
    for (let i = count; i > 0; i--) {
      const isZeroInFront = rest == 0 && i < count;
      store<u8>(this.out + i - 1, <u8>(isZeroInFront ? fill : 0x30 + (rest % 10)));
      rest /= 10;
    }
    this.out += count;
  }

  private fraction(count: u32): void {
    let value = this.nanos;
    for (let i = count; i < 9; i++) value /= 10;
    this.digits(value, count, 0x30);
  }

  /** Ten digits last until the year 2286. */
  private epoch(): void {
    let count: u32 = 1;
    let rest = this.seconds;
    for (; rest >= 10; rest /= 10) count++;
    let value = this.seconds;
    for (let i = count; i > 0; i--) {
      store<u8>(this.out + i - 1, <u8>(0x30 + <u32>(value % 10)));
      value /= 10;
    }
    this.out += count;
  }
}
