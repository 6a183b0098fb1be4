// The part of the WebAssembly JavaScript Interface that is used here. TypeScript declares it only together
// with a browser's document, which Node does not have.
declare namespace WebAssembly {
  interface Module {
    readonly [Symbol.toStringTag]: "WebAssembly.Module";
  }
  interface Instance {
    readonly exports: object;
  }
  const Module: {
    exports(module: Module): { readonly name: string }[];
    imports(module: Module): { readonly module: string; readonly name: string }[];
  };
  function compile(bytes: Uint8Array<ArrayBuffer>): Promise<Module>;
  function instantiate(
    bytes: Uint8Array<ArrayBuffer>,
    imports: Readonly<Record<string, object>>,
  ): Promise<{ readonly instance: Instance }>;
}
