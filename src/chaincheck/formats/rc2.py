"""RC2 in CBC mode, decryption only (RFC 2268): what Windows up to Server 2016 and OpenSSL 1.x encrypt the certificates of a PKCS#12 with.

The 40-bit form is offered by no maintained library. It hides nothing today; it is read here because the files exist.
"""

from __future__ import annotations

_PI = bytes.fromhex(
    "d978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82"
    "54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb6266fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7"
    "08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ecc2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731"
    "2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a90d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad"
)
_ROTATIONS = (1, 2, 3, 5)


def _expand(key: bytes, bits: int) -> list[int]:
    """RFC 2268 2: 64 words of key."""
    table = bytearray(key)
    size = len(key)
    for index in range(size, 128):
        table.append(_PI[(table[index - 1] + table[index - size]) & 0xFF])
    effective = (bits + 7) // 8
    table[128 - effective] = _PI[table[128 - effective] & (0xFF >> (8 * effective - bits))]
    for index in range(127 - effective, -1, -1):
        table[index] = _PI[table[index + 1] ^ table[index + effective]]
    return [table[index] | table[index + 1] << 8 for index in range(0, 128, 2)]


def _unmix(words: list[int], keys: list[int], first: int) -> None:
    """RFC 2268 4.1: one r-mixing round; ``first`` is the index of the first of its four key words."""
    for index in (3, 2, 1, 0):
        turn = _ROTATIONS[index]
        word = words[index]
        word = (word >> turn | word << (16 - turn)) & 0xFFFF
        before, second, third = words[index - 1], words[index - 2], words[index - 3]
        words[index] = (word - keys[first + index] - (before & second) - (~before & third)) & 0xFFFF


def _unmash(words: list[int], keys: list[int]) -> None:
    """RFC 2268 4.2: one r-mashing round."""
    for index in (3, 2, 1, 0):
        words[index] = (words[index] - keys[words[index - 1] & 63]) & 0xFFFF


def decrypt(key: bytes, bits: int, initial: bytes, data: bytes) -> bytes:
    """Decrypt whole blocks of eight bytes; ``bits`` is the effective key length (RFC 2268 section 6)."""
    keys = _expand(key, bits)
    plain = bytearray()
    before = initial
    for at in range(0, len(data), 8):
        block = data[at : at + 8]
        words = [block[0] | block[1] << 8, block[2] | block[3] << 8, block[4] | block[5] << 8, block[6] | block[7] << 8]
        for turn in range(15, -1, -1):
            _unmix(words, keys, 4 * turn)
            if turn in (11, 5):  # five rounds, a mash, six rounds, a mash, five rounds: backwards
                _unmash(words, keys)
        clear = b"".join(word.to_bytes(2, "little") for word in words)
        plain += bytes(left ^ right for left, right in zip(clear, before, strict=True))
        before = block
    return bytes(plain)
