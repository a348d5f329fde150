"""Signing (电子签名): asks the signing service, checks what comes back, and keeps what may go to the platform."""
