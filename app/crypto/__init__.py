"""SM2, SM3, SM4, digests, certificates, signed messages and timestamps: pure functions on bytes.

The only door to gmssl, cryptography and asn1crypto.
Never touches files, the network or the clock, and never writes a key or a plaintext anywhere.
"""
