package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"strings"
)

const (
	secretBytes = 32
	// TokenPrefix begins every API token, so that scanners find a leaked one.
	TokenPrefix = "gry_"
	// shownBytes is how much of a token is kept readable to recognise it.
	shownBytes = len(TokenPrefix) + 8
)

var tokenText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newSecret returns 256 random bits as cookie-safe text.
func newSecret() string {
	raw := make([]byte, secretBytes)
	rand.Read(raw) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(raw)
}

// newToken returns 256 random bits and their CRC-32 as an API token.
func newToken() string {
	raw := make([]byte, secretBytes, secretBytes+crc32.Size)
	rand.Read(raw) // never fails since Go 1.24
	raw = binary.BigEndian.AppendUint32(raw, crc32.ChecksumIEEE(raw))
	return TokenPrefix + tokenText.EncodeToString(raw)
}

// wellFormedToken reports whether text may be a token of ours; a mistyped or
// cut one is refused without asking the database.
func wellFormedToken(text string) bool {
	body, ok := strings.CutPrefix(text, TokenPrefix)
	if !ok || len(body) != tokenText.EncodedLen(secretBytes+crc32.Size) {
		return false
	}
	raw, err := tokenText.DecodeString(body)
	return err == nil && binary.BigEndian.Uint32(raw[secretBytes:]) == crc32.ChecksumIEEE(raw[:secretBytes])
}

// digest returns the key under which a secret is stored. The secret has 256
// random bits, so that a fast hash is enough.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
