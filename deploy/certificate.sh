#!/bin/sh
# Makes a self-signed certificate for development: DIRECTORY/tls.crt and DIRECTORY/tls.key.
# Does nothing while the one that is there is good for another day.
#
# Usage: deploy/certificate.sh DIRECTORY [NAME...]
#
# NAME is a host name or an address besides localhost, 127.0.0.1 and ::1. Clients trust it by being
# given tls.crt: NODE_EXTRA_CA_CERTS=tls.crt for Node, `curl --cacert tls.crt`, the system's store for
# a browser. It signs nothing but itself, so a stolen key opens no other door.
set -eu

directory=${1:?"usage: certificate.sh DIRECTORY [NAME...]"}
shift
certificate=$directory/tls.crt
key=$directory/tls.key

if ! command -v openssl >/dev/null; then
  echo "certificate.sh: openssl is not installed" >&2
  exit 1
fi

if [ -s "$key" ] && openssl x509 -checkend 86400 -noout -in "$certificate" >/dev/null 2>&1; then
  echo "$certificate is still good"
  exit 0
fi

names=DNS:localhost,IP:127.0.0.1,IP:::1
for name in "$@"; do
  case $name in
    *:*) names=$names,IP:$name ;;
    *[!0-9.]*) names=$names,DNS:$name ;;
    *) names=$names,IP:$name ;;
  esac
done

umask 077
mkdir -p "$directory"
# Written beside and moved into place, so that a certificate and a key that do not belong together
# are never read.
unfinished=$(mktemp -d "$directory/.new-XXXXXX")
trap 'rm -rf "$unfinished"' EXIT
cat >"$unfinished/request.conf" <<END
[req]
prompt = no
distinguished_name = name
x509_extensions = extensions
[name]
CN = Fanfare development certificate
[extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
subjectAltName = $names
END
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 -days 365 \
  -config "$unfinished/request.conf" -keyout "$unfinished/tls.key" -out "$unfinished/tls.crt" 2>"$unfinished/log" ||
  { cat "$unfinished/log" >&2; exit 1; }
chmod 644 "$unfinished/tls.crt"
mv "$unfinished/tls.key" "$key"
mv "$unfinished/tls.crt" "$certificate"
echo "made $certificate for $names"
