#!/bin/sh
# Makes an authority and certificates of the proxy, of the provider greeter.demo and of a client in
# build/certificates, valid for a month. For trying things out only.
set -eu

folder=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)/build/certificates
mkdir -p "$folder"
cd "$folder"

new_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }

new_key ca.key
openssl req -x509 -new -key ca.key -sha256 -days 30 -subj '/CN=metaproto example authority' -out ca.pem

for name in proxy greeter.demo client; do
  new_key "$name.key"
  openssl req -new -key "$name.key" -subj "/CN=$name" -out "$name.csr"
  printf 'subjectAltName=DNS:%s,DNS:localhost,IP:127.0.0.1\n' "$name" >"$name.extensions"
  openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -sha256 -days 30 \
    -extfile "$name.extensions" -out "$name.pem" 2>/dev/null
  rm -f "$name.csr" "$name.extensions"
done
echo "certificates are in $folder"
