// The part of the WebAssembly JavaScript Interface that is used here. TypeScript declares it only together
// with a browser's document, which Node does not have.
declare namespace WebAssembly {
  interface Module {
    readonly [Symbol.toStringTag]: "WebAssembly.Module";
  }
  const Module: { exports(module: Module): { readonly name: string }[] };
  function compile(bytes: Uint8Array<ArrayBuffer>): Promise<Module>;
}
