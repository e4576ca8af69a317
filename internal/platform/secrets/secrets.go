// Package secrets seals short values, such as the access keys of model
// endpoints, so that a stolen database or backup does not give them away. It
// owns the sealing key (a file with mode 0600, or a value from configuration)
// and the sealed form. It does not store sealed values: the packages that own
// the rows do.
//
//	Seal(plain, context) ─► "granary1:" + base64(nonce ‖ ciphertext ‖ tag)
//	Open(sealed, context) ─► plain, or an error if any of them was changed
//
// The context says what the value is for, for instance
// "vision_models/<id>/api_key". It is authenticated but not stored, so a sealed
// value that is copied to another row does not open there.
package secrets

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// Sealer seals and opens values. Implementations are safe for concurrent use.
type Sealer interface {
	// Seal returns plain sealed for the given context.
	Seal(plain []byte, context string) (string, error)
	// Open returns what Seal was given. It fails with ErrSealed when the value
	// was changed, was sealed for another context or with another key.
	Open(sealed, context string) ([]byte, error)
}

// ErrSealed means that a value does not open; by design nothing tells why.
var ErrSealed = errors.New("sealed value does not open: it was changed, moved or sealed with another key")

// version begins each sealed value, so that another form can follow.
const version = "granary1:"

// maxPlain bounds a value; the sealer is for keys and tokens, not for files.
const maxPlain = 1 << 20

// Key seals with XChaCha20-Poly1305 (RFC 8439 with the 24 byte nonce of
// draft-irtf-cfrg-xchacha-03), whose nonces are long enough to be random.
type Key struct {
	aead cipher.AEAD
	rand io.Reader
}

var _ Sealer = (*Key)(nil)

// ParseKey reads a key written as 32 bytes in base64, standard or URL
// alphabet, padded or not, with white space around it.
func ParseKey(text string) (*Key, error) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(strings.TrimSpace(text), "="))
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(raw) != chacha20poly1305.KeySize {
		return nil, fmt.Errorf("a sealing key is %d bytes in base64", chacha20poly1305.KeySize)
	}
	aead, err := chacha20poly1305.NewX(raw)
	if err != nil {
		return nil, fmt.Errorf("sealing key: %w", err)
	}
	return &Key{aead: aead, rand: rand.Reader}, nil
}

// Seal implements Sealer. A value longer than 1 MiB is refused.
func (k *Key) Seal(plain []byte, context string) (string, error) {
	if len(plain) > maxPlain {
		return "", fmt.Errorf("seal: value of %d bytes is longer than %d", len(plain), maxPlain)
	}
	nonce := make([]byte, k.aead.NonceSize(), k.aead.NonceSize()+len(plain)+k.aead.Overhead())
	if _, err := io.ReadFull(k.rand, nonce); err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	sealed := k.aead.Seal(nonce, nonce, plain, associated(context))
	return version + base64.RawStdEncoding.EncodeToString(sealed), nil
}

// Open implements Sealer.
func (k *Key) Open(sealed, context string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(sealed, version)
	// The decoder skips line breaks; exactly one text may open to a value.
	if !ok || strings.ContainsAny(encoded, "\r\n") || len(encoded) > base64.RawStdEncoding.EncodedLen(maxPlain+64) {
		return nil, ErrSealed
	}
	raw, err := base64.RawStdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(raw) < k.aead.NonceSize() {
		return nil, ErrSealed
	}
	nonce, text := raw[:k.aead.NonceSize()], raw[k.aead.NonceSize():]
	plain, err := k.aead.Open(nil, nonce, text, associated(context))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// associated binds the version too.
func associated(context string) []byte { return []byte(version + context) }
