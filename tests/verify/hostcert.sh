# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2174  # only the last directory holds keys
# Host certificates by hand, for suites that need a signer but no authority. Source me after lib.sh.
DOC_OID=1.3.6.1.5.5.7.3.36
DOMAIN=example.org

# make_ca DIR [ALGORITHM]: root.pem, root.key, issuing.pem, issuing.key, chain.pem (issuing + root)
make_ca() {
    local d=$1 alg=${2:-rsa:2048}
    mkdir -p "$d"
    openssl req -x509 -newkey "$alg" -nodes -days 7300 -keyout "$d/root.key" -out "$d/root.pem" \
        -subj "/CN=$DOMAIN surety root" -addext basicConstraints=critical,CA:TRUE,pathlen:1 \
        -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
    openssl req -newkey rsa:2048 -nodes -keyout "$d/issuing.key" -out "$d/issuing.csr" \
        -subj "/CN=$DOMAIN surety issuing 1" 2>/dev/null
    printf 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,digitalSignature,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n' >"$d/issuing.ext"
    openssl x509 -req -in "$d/issuing.csr" -CA "$d/root.pem" -CAkey "$d/root.key" -days 1800 -set_serial 0x1001 \
        -extfile "$d/issuing.ext" -out "$d/issuing.pem" 2>/dev/null
    cat "$d/issuing.pem" "$d/root.pem" >"$d/chain.pem"
}

# issue_host CA HOST PUBKEY.pem OUT.pem [OPTIONS of openssl x509...]
issue_host() {
    local d=$1 host=$2 pub=$3 out=$4 name
    shift 4
    name=$host.metadata.$DOMAIN
    [ -s "$d/any.key" ] || openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$d/any.key" 2>/dev/null
    printf '%s\n' basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature \
        "extendedKeyUsage=${EKU:-$DOC_OID}" "subjectAltName=DNS:$name" subjectKeyIdentifier=hash \
        authorityKeyIdentifier=keyid >"$d/host.ext"
    openssl req -new -key "$d/any.key" -subj "/CN=$name" -out "$d/host.csr" 2>/dev/null &&
        openssl x509 -req -in "$d/host.csr" -force_pubkey "$pub" -CA "$d/issuing.pem" -CAkey "$d/issuing.key" \
            -days 30 -set_serial "${SERIAL:-0x$(openssl rand -hex 15 | sed 's/^./4/')}" -extfile "$d/host.ext" -out "$out" \
            "$@" 2>/dev/null
}

# put_generation CA STATE HOST URI LEAF.pem: as surety-signer stores one
put_generation() {
    local d=$1 g=$2/signer/gen-0000000001
    mkdir -p -m 700 "$2/signer/keys" "$g"
    printf '%s\n' "$4" >"$g/uri"
    printf '%s\n' "$3" >"$g/host"
    openssl x509 -in "$5" -outform DER -out "$g/leaf.der"
    openssl x509 -in "$d/issuing.pem" -outform DER -out "$g/chain.der"
    openssl x509 -in "$d/root.pem" -outform DER -out "$g/roots.der"
    ln -sfn gen-0000000001 "$2/signer/current"
}

# file_host CA STATE HOST rsa2048|rsa3072|p256 [OPTIONS of openssl x509...]: a key in a file, and all of the above
file_host() {
    local ca=$1 state=$2 host=$3 alg=$4 k=$2/signer/keys/key-1.pem
    shift 4
    mkdir -p -m 700 "$state/signer" "$state/signer/keys"
    case $alg in
    p256) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$k" 2>/dev/null;;
    *) openssl genpkey -algorithm RSA -pkeyopt "rsa_keygen_bits:${alg#rsa}" -out "$k" 2>/dev/null;;
    esac
    chmod 600 "$k"
    openssl pkey -in "$k" -pubout -out "$state/pub.pem" 2>/dev/null
    issue_host "$ca" "$host" "$state/pub.pem" "$state/leaf.pem" "$@"
    put_generation "$ca" "$state" "$host" file:key-1 "$state/leaf.pem"
}
