// The service of the Thrift peers. Methods that answer a text end it in " from LABEL", the label of
// the server that answered.
//
// The code in */gen is generated from this file by the Apache Thrift compiler 0.17.0 and committed, so
// that only who changes this file needs the compiler (Debian: thrift-compiler):
//   thrift -r --gen py --out thrift-python/gen demo.thrift
//   thrift -r --gen go:skip_remote --out thrift-go/gen demo.thrift

namespace py demo
namespace go demo

enum Color {
  RED = 1,
  BLUE = 2
}

exception BizError {
  1: i32 code,
  2: string why
}

struct Item {
  1: required string id,
  2: optional i64 qty,
  3: bool flag,
  4: double price,
  5: list<string> tags,
  6: map<string, i32> counts,
  7: binary blob,
  8: Color color,
  9: set<i16> numbers,
  10: optional Item child
}

service Greeter {
  string hello(1: string name),
  string getUser(1: string id),
  string getOrder(1: string id),
  string placeOrder(1: string item),
  i32 add(1: i32 a, 2: i32 b),
  Item echoItem(1: Item item),
  string big(1: string text),
  string failBiz(1: string reason) throws (1: BizError error),
  string failUndeclared(1: string reason),
  void nothing(),
  oneway void fire(1: string what),
  string slow(1: i32 millis),
  // The THeader key-values that came with the request; empty for other transports.
  map<string, string> headers()
}
