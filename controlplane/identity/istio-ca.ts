// The certificate authority of istiod: istio.v1.auth.IstioCertificateService.
// https://github.com/istio/api/blob/master/security/v1alpha1/ca.proto
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

export interface IstioCaAddress {
  /** `host:port`. */
  readonly address: string;
  /** That its certificate is for, such as `istiod.istio-system.svc`. */
  readonly serverName: string;
}

export interface SigningRequest {
  /** PEM. */
  readonly request: string;
  readonly validitySeconds: number;
  /** Of the service account, for the audience `istio-ca`. */
  readonly token: string;
  /** PEM: istiod is believed if its certificate is of one of these. */
  readonly trustAnchors: string;
  /** `CLUSTER_ID` of the mesh: where istiod looks for the service account. */
  readonly clusterId: string;
}

const PATH = "/istio.v1.auth.IstioCertificateService/CreateCertificate";
const DEADLINE_MS = 10_000;
// Field numbers of IstioCertificateRequest and IstioCertificateResponse.
const CSR = 1;
const VALIDITY_DURATION = 3;
const CERT_CHAIN = 1;

/** @returns the chain, its own certificate first, the authority's last. @throws Error when istiod gives none. */
export async function requestCertificate(
  { address, serverName }: IstioCaAddress,
  { request, validitySeconds, token, trustAnchors, clusterId }: SigningRequest,
): Promise<readonly string[]> {
  const client = new Client(address, credentials.createSsl(Buffer.from(trustAnchors)), {
    "grpc.ssl_target_name_override": serverName,
    "grpc.default_authority": serverName,
    "grpc.use_local_subchannel_pool": 1,
  });
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${token}`);
  metadata.set("clusterid", clusterId);
  try {
    return await new Promise<readonly string[]>((resolve, reject) => {
      client.makeUnaryRequest(
        PATH,
        encodeRequest,
        decodeResponse,
        { request, validitySeconds },
        metadata,
        { deadline: Date.now() + DEADLINE_MS },
        (error: ServiceError | null, chain?: readonly string[]) => {
          if (error !== null) reject(new Error(`istiod at ${address}: ${error.message}`));
          else if (chain === undefined || chain.length === 0)
            reject(new Error(`istiod at ${address} gave no certificate`));
          else resolve(chain);
        },
      );
    });
  } finally {
    client.close();
  }
}

function encodeRequest(message: Pick<SigningRequest, "request" | "validitySeconds">): Buffer {
  const writer = new BinaryWriter();
  writer.tag(CSR, WireType.LengthDelimited).string(message.request);
  writer.tag(VALIDITY_DURATION, WireType.Varint).int64(message.validitySeconds);
  return Buffer.from(writer.finish());
}

function decodeResponse(bytes: Buffer): readonly string[] {
  const reader = new BinaryReader(bytes);
  const chain: string[] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === CERT_CHAIN && type === WireType.LengthDelimited) chain.push(reader.string());
    else reader.skip(type, field);
  }
  return chain;
}
