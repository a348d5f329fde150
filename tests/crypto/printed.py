"""The interface document's worked examples (V2.1, chapter four, 4), as printed and with each misread place mended.

The print was read by machine: letters are swapped (l, I, 1), doubled or lost. A place is mended until lengths, names,
digests and the signatures themselves agree; the last of these is what proves a repair.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Printed:
    """Base64 as it stands in the document, and (printed, mended) pairs; some misreadings occur more than once."""

    text: str
    repairs: tuple[tuple[str, str], ...]

    def mended(self) -> str:
        """Every repair made; one that finds nothing to mend is an error."""
        text = "".join(self.text.split())
        for printed, mended in self.repairs:
            assert printed in text, printed
            text = text.replace(printed, mended)
        return text


# (5) 2. The document calls its original 12345678; what is attached and signed is 123.
PKCS7 = Printed(
    text="""
MIIDYgYKKoEcz1UGAQQAqCCA1IwggNOAgEBMQ4wDAYIKoEcz1UBgxEFADATBgoqgRzPVQYBBAIBoAUEAzEyM6CCAkAwggI8MIIB36ADAgECAG0
rYQG5Bkm7xip3DFZeMAwGCCqBHM9VAYN1BQAwYTELMAkGA1UEBgwCQ04xDTALBgNVBAoMBEJKQ0ExJTAjBgNVBAsMHEJKQ0EgQW55d3JpdGUgV
HJ1c3QgU2VydmljZXMXHDAaBgNVBAMME1RydXN0LVNpZ24gU00yIENBLTEwHhcNMjEwMzMxMDg1NTM0WhcNMjIwMzMxMDg1NTM0WjAtMRAwDgY
DVQQuEwd6aGVud2VpMQwwCgYDVQQDDANjYWkxCzAJBgNVBAYMAkFMMFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAE918AnFSIArF0Th0eqeMJX
mpGy9pxUNequLyLwqHkRxivMoZM2NT256jxXH81Ai18S6nZrlhbMmjx8IoibpvXlaOBrTCBqjALBgNVHQ8EBAMCBsAwHQYDVR0OBBYEFCeb2XM
LqlQ2WQOxUszDP4eyjl5DMB8GA1UdIwQYMBaAFJTuX61tvSQesVzoa3rtw+Np+OywMEAGA1UdIAQ5MDcwNQYJKoEchu8yAgICMCgwJgYIKwYBB
QUHAgeWGmh0dHA6Ly93d3cuYmpjYS5vcmcuY24vY3BzMbkGBipWCwcBCAQP5q2j5bi45Lyg5YWIb2lkMAwGCCqBHM9VAYN1BQADSQAwRgIhAPj
RQjJicSang34sU8ZrVGIz6FBNq15rlCKqiOkSvyObAiEA17G3PfeyriRpMsQqH3qaDsAOwIY3taFx1yQft2KDsY4xgd8wgdwCAQEwcjBhMQswC
QYDVQQGDAJDTjENMASGA1UECgwEQkpDQTEIMCMGA1UECwwcQkpDQSBBbnl3cmloZSBUcnVzdCBTZXJ2aNlcEcMBoGA1UEAwwTVHJ1c3QtU2lnb
iBTTIgQ0EtMQINK2BkOQZJu8YqdwXWXjAMBggqgRzPVQGDEQUAMA0GCSqBHM9VAYItAwUABEYwRAIgJ22YudIIPI/ArwGQExYz/hywsCCrUR4q
J/Gcy0dJroCICiRrXtsijU4q+shcsKRXaoQvTMq2ryCJkRsyQ8+til8
""",
    repairs=(
        ("AQQAqC", "AQQCAqC"),
        ("ECAG0rYQG5Bk", "ECAg0rYGQ5Bk"),
        ("ZXMXHDA", "ZXMxHDA"),
        ("nFSIArF", "nFSlArF"),
        ("equLyLw", "equlyLw"),
        ("HAgeWGm", "HAgEWGm"),
        ("BzMbkGB", "BzMBkGB"),
        ("NMASGA1", "NMAsGA1"),
        ("QTEIMCM", "QTElMCM"),
        ("cmloZSB", "cml0ZSB"),
        ("J2aNlcEcM", "J2aWNlczEcM"),
        ("BTTIgQ", "BTTTIgQ"),
        ("qdwXWXj", "qdwxWXj"),
        ("dIIPI/", "dIItPI/"),
    ),
)

# (4) 7, over "test". Nonce and message digest prove TSTInfo, the signature proves the key. In both tokens some letters
# of the authority's signature inside the certificate are beyond repair: any in their place, and ESSCertID fits neither.
TIMESTAMP_MADE = Printed(
    text="""
MIIGkAYJKoZIhvcNAQcCoIIGgTCCBn0CAQMxDzANBglghkgBZQMEAgnEFADCBswYLKoZIhvcNAQkQAQSggMEgaAwgZ0CAQEGASowMTANBgIghk
gBZQMEAgnEFAAQgn4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCggCBAX14QEYDzIwMjEwODA5MDg0NDM1WgIGAXsqFcgoEokQTA/MQsw
CQYDVQQGEwJDTjENMAAsGA1UECgwEQkpDQTEPMA0GA1UECwwGMTExMTExMRAwDgYDVQQDDAdyc2ExMDI0oIEbjCCBAIwggLqoAMCAQIChtAAAA
AAAAN0dAwDQYJKoZIhvcNAQELBQAuJELMAkGA1UEBhMCQ04xDTALBgNVBAoMBEJKQ0ExGDAWBgNVBAsMD1B1YmwpYyBUCnVzdCBDQTEaMBgGA1
UEAwwRUHVibGljIFRydXN0IENBLTIwHhcNMjAxMjE1MTYwMDAwWhcNMzAxMjE2MTU1OTU5WjA/MQswCQYDVQQGEwJDTjENMAAsGA1UECgwEQkp
DQTEPMA0GA1UECwwGMTExMTExMRAwDgYDVQQDDAdyc2ExMDI0MIGfMA0GCSqGSib3DQEBAQUAA4GNADCBiQKBgQCPTqz8+FGLb1nmX4uNxfI3x
zq8DMSKzuPpjP6tYe6ODHjK2inOOH2iDm0gwbxW5tZB7br3Hlk7sLMrt4108j4OjGy960VtQm4xn+vg65OoPbUtwQRq5ZcNvwgDHkc8ADf/bs0
znUnBqbZ3mrVOE9ZCGRsng7f3iy7l05lZ51uwIDAQABo4IBbzCCAWswHwYDVR0jBBgwFoAU+7fUVhdYjCN91fhCADTtd5tX6+kwga0GA1UdHwS
BpTCBojBsoGqgaKRmMGQxCzAJBgNVBAYTAkNOMQ0wCwYDVQQKDARCSkNBMRgwFgYDVQLDA9QdWJsaWMgVHJ1c3QgQ0ExGjAYBgNVBAMMEVB1Ym
wpYyBUCnVzdCBDQS0yMRAwDgYDVQQDEwdjYTRjcmw0MDKgMKAuhixodHRwOi8vbGRhcC5iamNhLm9yZy5jbi9jcmwvcHRjYS9jYTRjcmw0LmNy
bDAJBgNVHRMEAjAAMBEGCWCGSAGG+EIBAQQEAvIA/zAWBgnVHSUBAf8EDDAKBgrBgfEFBQcDCDBABgNVHSAEOTA3MDUGCSqBH1bvMgICATAoMC
YGCCsGAQUFBwIBFhpodHRwOi8vd3d3LmJqY2Eub3JnLmNuL2NwczALBgnVHQ8EBAMCA/gwEwYKKoEchu8yAgEBHgQFDAM2NTQwDQYJKoZIhvcN
AQELBQADggEBADQn82uvXWHpF1/7fvbIMNp05p4yQZwjE80mYE9/ULy7BXPlqmSmaCnxve9RUS8+tTXNDY8w6jc4E5b3YIMeLsGEVW+DB2mFfv
8WHbTK/2q8QivIgQLzyrD56Tljiqr01r3ShZYiVX5yuOFgu1x2DOM1JU/1OPoEqatYC6EAdPKJcaoj9C4+zShr/irG6GhXodreYUcmazDVLzLH
fQaf2k/E3QcA/x7hVwtEMcmmG8N7ZfvprmS9UjlxEIoFi/AEAB3t+41EyUs0zFqvYOTvhczIMb76uc4kqCUZbTzJ9d6dw5+EmGmmpXEs6QB2Xz
cCTo3xvTPedbhOqBHjqLu30xggGlMIIBoQIBATBgnMFIXCzAJBgNVBAYTAkNOMQ0wCwYDVQQKDARCSkNBMRgwFgYDVQLDA9QdWJsaWMgVHJ1c3
QgQ0ExGjAYBgnVNBAMMEVB1YmwpYyBUCnVzdCBDQS0yAgobQAAAAAAAddHQMA0GCWCGSAFIawQCAQUAoIGYMB0GCSqGSib3DQEJAzENBgsqhki
G9w0BCRABBDAcBgkqhkiG9w0BCQUxDxcNMjEwODA5MDg0NDM1WjArBgsqhkiG9w0BCRACDDEcMBowGDAWBBTCdKpud+ZFDHNAbg3RN8rHg49Gd
TAvBqkqhkiG9w0BCQQxIgQgT/zZFRRmr9N9zSQhXDBcZDetmfCJmEblUmSOzDTgHYkwDQYJKoZIhvcNAQEBBQAEgYA9KB+eTuLTkRw5t2AVYG/
Zbo9u0cex+DBruXOBvNk5Rb21fzqhfqUdUcT/Bd+TT419akq58Hj1WVK6h+zeFkkoe7QvwUMrl3YW0j7I9Fm4T8Ct0R8s/AcUfAlLcxQMlL5mq
bmGWS9l3Yr/malvqTkOUFHGXN/AV7vxibXTHJ1sIhg==
""",
    repairs=(
        ("AgnEFA", "AgEFA"),
        ("QAQSggMEg", "QAQSggaMEg"),
        ("MTANBgIg", "MTANBglg"),
        ("XsqFcgoEok", "XsqFcgpoEOk"),
        ("NMAAsG", "NMAsG"),
        ("0oIEbjCC", "0oIIEBjCC"),
        ("AQIChtA", "AQICChtA"),
        ("AuJELMA", "AwUjELMA"),
        ("B1YmwpYyBUCnVz", "B1YmxpYyBUcnVz"),
        ("CSqGSib3", "CSqGSIb3"),
        ("uNxfI3", "uNxfl3"),
        ("PpjP6", "PpjpP6"),
        ("y960V", "y96OV"),
        ("Rsng7", "Rsnrg7"),
        ("ADTtd5", "ADttd5"),
        ("YDVQLDA", "YDVQQLDA"),
        ("QEAvIA", "QEAwIA"),
        ("BgnVHSUB", "BgNVHSUB"),
        ("BgrBgfEFBQcD", "BggrBgEFBQcD"),
        ("SqBH1bv", "SqBHIbv"),
        ("BgnVHQ8", "BgNVHQ8"),
        ("gQLzyr", "gQLlzyr"),
        ("iqr01", "iqli01"),
        ("oEqat", "oEQat"),
        ("gnMFIXC", "gMFIxC"),
        ("YBgnVNBA", "YBgNVBA"),
        ("AAAddHQ", "AAADdHQ"),
        ("SAFIawQ", "SAFlAwQ"),
        ("GYMB0G", "GYMBoG"),
        ("Bqkqhki", "Bgkqhki"),
        ("UFHGXN", "UFHXN"),
    ),
)

# (5) 3, over "test".
TIMESTAMP_CHECKED = Printed(
    text="""
MIIGkAYJKoZIhvcNAQcCoIIGgTCCBn0CAQMxDzANBglghkgBZQMEAgEFADCBswYLKoZIhvcNAQkQAQSsgaMEgaAwgZ0CAQEGASowMTANBglghk
gBZQMEAgEFAAQgn4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCggCBAX14QEYDzIwMjEwNzAxMDkwMzIwWgIGAXphTuvJoEOkQTA/MQsw
CQYDVQQGEwJDTjENMAAsGA1UECgwEQkpDQTEPMA0GA1UECwwGMTExMTEwMRAwDgYDVQQDDAdyc2ExMDI0oIIEBjCCBAIwggLqoAMCAQICchtAA
AAAAAAN0dAwDQYJKoZIhvcNAQELBQAwUjELMAkGA1UEBhMCQ04xDTALBgNVBAoMBEJKQ0ExGDAWBgNVBAsMD1B1YmxpYyBUcnVzdCBDQTEaMBg
GA1UEAwwRUHVibGljIFRydXN0IENBLTIwHhcNMjAxMjE1MTYwMDAwWhcNMzAxMjE2MTU1OTU5WjA/MQswCQYDVQQGEwJDTjENMAAsGA1UECgwE
QkpDQTEPMA0GA1UECwwGMTExMTEwMRAwDgYDVQQDDAdyc2ExMDI0MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCPTqz8+FGLb1nmX4uNxf
l3xzq8DMSKzuPpjP6tYe6ODHjK2inOOH2iDm0gwbxW5tZB7br3Hlk7sLMrt4108j4OjGy96OVtQm4xn+vg65OoPbUtwQRq5ZcNvwgDHkc8ADf/
bs0znUnBqbZ3mrVOE9ZCGRsnrg7f3iy7l051Z51uwIDAQABo4IBbzCCAWswHwYDVR0jBBgwFoAU+7fUVhdYjCN91fhCADttd5tX6+kwga0GA1U
dHwSBpTCBojBsoGqgaKRmMGQxCzAJBgNVBAYTAKNOMQ0wCwYDVQQKDARCSkNBMRgwFgYDVQQLDA9QdWJsaWMgVHJ1c3QgQ0ExGjAYBgNVBAMME
VB1YmxpYyBUcnVzdCBDQS0yMRAwDgYDVQQDEwdjYTRjcmw0MDKgMKAuhixodHRwOi8vbGRhcC5iamNhLm9yZy5jbi9jcmwvcHRjYS9jYTRjcmw
0LmNybDAJBgNVHRMEAjAAMBEGCWCGSAGG+EIBAQQEAvIA/zAWBgnVHSUBAf8EDDAKBggrBgfEFBQcDCDBABgNVHSAEOTA3MDUGCSqBHIbvMgIC
ATAoMCYGCCsGAQUFBwIBFhpodHRwOi8vd3d3LmJqY2Eub3JnLmNuL2NwczALBgNVHQ8EBAMCA/gwEwYKKoEchu8yAgEBHgQFDAM2NTQwDQYJKo
ZIhvcNAQELBQADggEBADQn82uvXWHpF1/7fvbIMNp05p4yQZwjE80mYE9/ULy7BXPlqmSmaCnxve9RUS8+tTXNDY8w6jc4E5b3YIMeLsGEVW+D
B2mFfv8WHbTK/2q8QivIgQLlzyrD56Tljiqli01r3ShZYiVX5yuOFgu1x2DOM1JU/1OPoEQatYC6EAdPKJcao9C4+zShr/irG6GhXodreYUcma
zDVLzLHfQaf2k/E3QcA/x7hVwtEMcmmG8N7ZfvprmS9UjlvEIof/AEAB3t+41EyUs0zFqvYOTvhczIMb76uc4kqCUZbTzJ9d6dw5+EmGmmpXEs
6QB2XzcCTo3xvTPedbhOqBHjqLu30xggGlMIIBoQIBATBgmFIxCzAJBgNVBAYTAKNOMQ0wCwYDVQQKDARCSkNBMRgwFgYDVQQLDA9QdWJsaWMg
VHJ1c3QgQ0ExGjAYBgNVBAMMEVB1YmxpYyBUcnVzdCBDQS0yAgobQAAAAAAAddHQMA0GCWCGSAFIAwQCAQUAoIGYMB0GCSqGSIb3DQEJAzENBg
sqhkiG9w0BCRABBDAcBpkqhkiG9w0BCQUxDxcNMjEwNzAxMDkwMzIwWjArBgsqhkiG9w0BCRACDDEcMBowGDAWBBTCdKpud+ZFDHNAbg3RN8rH
g49GdTAvBpkqhkiG9w0BCQQxIgQgxkBUkAkklV1rJvkfs3fHoUTaKnHSmpbFYTHd3vmra58wDQYJKoZIhvcNAQEBBQAEgYAxYCOio5cHuwIx/V
0BMjVJA9uylgHGUmwJ+KGRBMEwqxldrn8zVrPkH1WACpJrA4pv7bdWynrgFHQU2ZC0t5x71t33J4fbmvphqsDecd7h6N3xwxE/n6btQPf6W/KS
t+iR78z9CPsTq4IaTDW7R18Nch4YhjamAzCwkWf7MyvI7w==
""",
    repairs=(
        ("QAQSsgaM", "QAQSggaM"),
        ("NMAAsG", "NMAsG"),
        ("MTEwMRAw", "MTExMRAw"),
        ("AQICchtA", "AQICChtA"),
        ("PpjP6", "PpjpP6"),
        ("051Z5", "05lZ5"),
        ("YTAKNO", "YTAkNO"),
        ("QEAvIA", "QEAwIA"),
        ("BgnVHSUB", "BgNVHSUB"),
        ("BggrBgfEFBQcD", "BggrBgEFBQcD"),
        ("cao9C4", "caoj9C4"),
        ("lvEIof/", "lxEIoFi/"),
        ("BgmFIxC", "BgMFIxC"),
        ("AAAddHQ", "AAADdHQ"),
        ("SAFIAwQ", "SAFlAwQ"),
        ("GYMB0G", "GYMBoG"),
        ("BpkqhkiG9", "BgkqhkiG9"),
    ),
)

# (4) 6: the part of the certificate with the signer's key; on the curve, but the text that it signed is not printed.
SIGNER_POINT = Printed(
    text="AAT8XEq1JWEPMh8FLhYKHpiUYhRJWB11Lj4otKNm4hI2BzeOevP3c+B5g+X5DpKGyGmEK9iOdA4r/HSYeE5NL5lbo4IB",
    repairs=(("PMh8", "PmH8"),),
)
