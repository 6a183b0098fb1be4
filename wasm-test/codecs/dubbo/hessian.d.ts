/** What the tests use of hessian.js, which has no types of its own. */
declare module "hessian.js" {
  export class DecoderV2 {
    constructor(bytes: Buffer);
    readonly byteBuffer: { position(): number };
    read(): unknown;
  }
  export class EncoderV2 {
    write(value: unknown): this;
    get(): Buffer;
  }
  const hessian: { DecoderV2: typeof DecoderV2; EncoderV2: typeof EncoderV2 };
  export default hessian;
}
