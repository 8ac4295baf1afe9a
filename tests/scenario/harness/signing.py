"""Signs tokens with the private key of a file, as somebody does who stole it."""

import base64
import ctypes
import json
import time

_sodium = ctypes.CDLL("libsodium.so.23")
KEY_SET = "tellercast-keys+jwt"


def _encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class StolenKey:
    def __init__(self, path):
        self.jwk = json.loads(path.read_text(encoding="utf-8"))
        self.id = self.jwk["kid"]
        self._public, self._secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
        assert _sodium.crypto_sign_seed_keypair(self._public, self._secret, _decoded(self.jwk["d"])) == 0

    def sign(self, claims, kind="JWT"):
        header = {"alg": "EdDSA", "kid": self.id, "typ": kind}
        text = b".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
        signature = ctypes.create_string_buffer(64)
        assert _sodium.crypto_sign_detached(signature, None, text, ctypes.c_ulonglong(len(text)), self._secret) == 0
        return text + b"." + _encoded(signature.raw)

    def key_set(self, keys, retired=(), revoked=()):
        """`keys` are public JWKs."""
        return self.sign({"iss": "tellercast", "iat": int(time.time()), "keys": list(keys), "retired": list(retired),
                          "revoked": list(revoked)}, KEY_SET)


def public(jwk):
    return {name: jwk[name] for name in ("kty", "crv", "kid", "x")}


def key_id(token):
    """Returns the `kid` of a compact JWS."""
    part = token.split(b".")[0]
    return json.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))["kid"]
