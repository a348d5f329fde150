"""SM2, SM3, SM4 and digests: pure functions on bytes, the only door to gmssl, cryptography and asn1crypto.

Never touches files, the network or the clock, and never writes a key or a plaintext anywhere.
"""
